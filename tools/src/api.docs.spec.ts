import { describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WORKSPACE_ROOT } from './testing/scratch-workspace';

const DOCUMENTS = 'docs/api';
const REWRITE_WITH = 'npm run docs';

/** Every page of a folder by its name. */
function pagesOf(folder: string): Record<string, string> {
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

/** What TypeDoc makes of the doc comments now. */
function generatedPages(): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'pulses-api-'));
  try {
    const options = ['--options', 'tools/src/docs/typedoc.json', '--out', folder];
    execFileSync(process.execPath, ['node_modules/typedoc/bin/typedoc', ...options], { cwd: WORKSPACE_ROOT });
    return pagesOf(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe(DOCUMENTS, () => {
  it('is what the doc comments say', () => {
    const generated = generatedPages();
    const kept = pagesOf(join(WORKSPACE_ROOT, DOCUMENTS));
    expect(Object.keys(generated)).toContain('connector-api.md');
    const names = new Set([...Object.keys(generated), ...Object.keys(kept)]);
    const stale = [...names].filter((name) => generated[name] !== kept[name]);
    expect({ stale, rewriteWith: REWRITE_WITH }).toEqual({ stale: [], rewriteWith: REWRITE_WITH });
  }, 120_000);
});
