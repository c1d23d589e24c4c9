import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createScratchWorkspace, WORKSPACE_ROOT, type ScratchWorkspace } from '../testing/scratch-workspace';

interface TestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

const CONNECTOR = 'libs/connector/stone-tablet';
const ENGINE = 'libs/aggregation/abacus';
const LIBRARY = 'libs/shared/plain-text';
const APP = 'apps/invoicer';
const MADE = [CONNECTOR, ENGINE, LIBRARY, APP];
const REGISTRIES = ['libs/connector/registry', 'libs/aggregation/registry'];
describe('the generators', () => {
  let scratch: ScratchWorkspace;
  const read = (path: string) => readFileSync(join(scratch.root, path), 'utf8');

  let advice: string;

  beforeAll(() => {
    scratch = createScratchWorkspace();
    advice = generate(
      ['connector', 'stone-tablet'],
      ['engine', 'abacus'],
      ['lib', 'shared/plain-text'],
      ['app', 'invoicer'],
    );
  });
  afterAll(() => {
    scratch.remove();
  });

  /** As `nx generate` does for each, one after another; what they print. */
  const generate = (...calls: readonly (readonly [generator: string, name: string])[]) =>
    scratch.run('node', [
      join(WORKSPACE_ROOT, 'tools/src/testing/generate.cjs'),
      ...calls.map((call) => call.join(':')),
    ]);

  it('write projects with the tags of their kind', () => {
    const tagsOf = (root: string) => (JSON.parse(read(join(root, 'project.json'))) as { tags: unknown }).tags;
    expect(MADE.map(tagsOf)).toEqual([
      ['scope:connector', 'type:adapter'],
      ['scope:aggregation', 'type:adapter'],
      ['scope:shared', 'type:util'],
      ['scope:invoicer', 'type:app'],
    ]);
  });

  it('change nothing of the workspace but names, registries and the table of projects', () => {
    const changed = scratch.changed();
    expect(changed.filter((path) => !MADE.some((root) => path.startsWith(`${root}/`)))).toEqual([
      'docs/architecture.md',
      'libs/aggregation/registry/src/engines.ts',
      'libs/connector/registry/src/connectors.ts',
      'tools/src/boundaries.json',
      'tsconfig.base.json',
    ]);
  });

  it('refuse a project that exists, and leave it as it is', () => {
    const before = read(join(CONNECTOR, 'src/registration.ts'));
    scratch.write(join(CONNECTOR, 'src/registration.ts'), `${before}// mine\n`);
    generate(['connector', 'stone-tablet'], ['lib', 'nowhere/text']);
    expect(read(join(CONNECTOR, 'src/registration.ts'))).toBe(`${before}// mine\n`);
    scratch.write(join(CONNECTOR, 'src/registration.ts'), before);
    expect(existsSync(join(scratch.root, 'libs/nowhere'))).toBe(false);
  });

  it('make code that compiles, is formatted, and keeps the rules of lint', () => {
    expect(scratch.run('prettier', ['--list-different', ...scratch.changed()])).toBe('');
    expect(scratch.run('node', ['tools/src/check-sources.mts', ...MADE, ...REGISTRIES])).toMatch(
      /^\d\d files without a complaint\n$/,
    );
  });

  it('say how CONTRIBUTING.md rewrites the tables of settings', () => {
    const rewrite = /UPDATE_DOCS=1 npx jest .* apps\//.exec(advice)?.[0];
    expect(rewrite).toBeDefined();
    expect(read('CONTRIBUTING.md')).toContain(rewrite);
  });

  it('make projects of which only the conformance suites fail', () => {
    const { testResults } = JSON.parse(
      scratch.run(
        'jest',
        [
          ...['--config', 'jest.config.mjs', '--rootDir', '.', '--json', '--silent', '--runInBand'],
          // With the documents that a new project changes.
          ...['--testPathIgnorePatterns', '/node_modules/', '--testPathPatterns'],
          ...[...MADE, ...REGISTRIES].map((root) => `${root}/`),
          ...[
            'tools/src/workspace.spec.ts',
            'tools/src/documents.docs.spec.ts',
            'apps/ingestor/src/settings.docs.spec.ts',
          ],
        ],
        { UPDATE_DOCS: '1' },
      ),
    ) as TestReport;
    const failed = testResults.filter(({ assertionResults }) =>
      assertionResults.some((one) => one.status === 'failed'),
    );
    expect(testResults).toHaveLength(9);
    expect(failed.map(({ name }) => name.slice(scratch.root.length + 1)).sort()).toEqual([
      `${ENGINE}/src/conformance.int.spec.ts`,
      `${CONNECTOR}/src/conformance.int.spec.ts`,
    ]);
    // Each fails because it is not written yet, and none is stopped by a time-out.
    for (const { message } of failed) expect(message).toMatch(/yet/);
    for (const { message } of failed) expect(message).not.toMatch(/Exceeded timeout/);
  });

  it('name a bundle that starts', () => {
    scratch.run('node', ['tools/src/bundle.mts', APP]);
    expect(scratch.run('node', [join('dist', APP, 'main.js'), '--help'])).toContain('Usage: invoicer [flags]');
  });
});
