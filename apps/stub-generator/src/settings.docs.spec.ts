import { describe, expect, it } from '@jest/globals';
import { commonSettings } from '@pulses/shared-service-host';
import { renderSettingsTable } from '@pulses/shared-settings';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generatorSettings } from './settings';

const DOCUMENT = 'docs/settings.md';
const PATH = join(__dirname, '../../..', DOCUMENT);
// In one process: each app's spec rewrites its part of the one document.
const UPDATE = 'UPDATE_DOCS=1 npx jest --config jest.docs.config.mjs --runInBand apps/';
/** The rows of the first table behind the app's heading. */
const TABLE = /(?<=^## `stub-generator`\n(?:(?!#).*\n)*?)(?:^\|.*\n)+/m;

describe(DOCUMENT, () => {
  it('has the flags of the stub-generator as they are declared', () => {
    const declared = `${renderSettingsTable({ ...generatorSettings, ...commonSettings })}\n`;
    const text = readFileSync(PATH, 'utf8');
    if (process.env['UPDATE_DOCS'] === '1')
      writeFileSync(
        PATH,
        text.replace(TABLE, () => declared),
      );
    const documented = TABLE.exec(readFileSync(PATH, 'utf8'))?.[0];
    expect({ table: documented, rewriteWith: UPDATE }).toEqual({ table: declared, rewriteWith: UPDATE });
  });
});
