import { describe, expect, it } from '@jest/globals';
import { renderSettingsTable, type SettingsDefinition } from '@pulses/shared-settings';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from './command';
import { commands } from './commands';
import { connectorCommandSettings } from './connector-access';

const DOCUMENT = 'docs/cli.md';
const PATH = join(__dirname, '../../..', DOCUMENT);
const UPDATE = 'UPDATE_DOCS=1 npx jest --config jest.docs.config.mjs apps/cli';
const REFERENCE = /(?<=<!-- reference: start -->\n\n).*(?=\n<!-- reference: end -->)/s;
const CONNECTION = 'Connection flags';
const CONNECTION_FLAGS = new Set(Object.values(connectorCommandSettings).map(({ flag }) => flag));

/** What every command that talks to a broker has, in one place. */
function connectionText(): string {
  return `### ${CONNECTION}\n\nOf every command that talks to a broker:\n\n${renderSettingsTable(connectorCommandSettings)}\n`;
}

function referenceOf({ usage, purpose, details, settings }: Command): string {
  const flags = new Set(Object.values(settings).map(({ flag }) => flag));
  const connects = [...CONNECTION_FLAGS].every((flag) => flags.has(flag));
  const own: SettingsDefinition = Object.fromEntries(
    Object.entries(settings).filter(([, { flag }]) => !connects || !CONNECTION_FLAGS.has(flag)),
  );
  return [
    `### \`${usage.replace(' [flags]', '')}\``,
    `${purpose} ${details}`,
    ...(Object.keys(own).length === 0 ? [] : [renderSettingsTable(own)]),
    ...(connects ? ['And the [connection flags](#connection-flags).'] : []),
    '',
  ].join('\n\n');
}

describe(DOCUMENT, () => {
  it('has every command and flag as they are declared', () => {
    const declared = [...commands.map(referenceOf), connectionText()].join('\n').replace(/\n{3,}/g, '\n\n');
    if (process.env['UPDATE_DOCS'] === '1')
      writeFileSync(
        PATH,
        readFileSync(PATH, 'utf8').replace(REFERENCE, () => declared),
      );
    const documented = REFERENCE.exec(readFileSync(PATH, 'utf8'))?.[0];
    expect({ reference: documented, rewriteWith: UPDATE }).toEqual({ reference: declared, rewriteWith: UPDATE });
  });
});
