import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseSettings } from '@pulses/shared-settings';
import { makeTempDirectory, type TempDirectory } from '@pulses/testing-processes';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commands } from './commands';

const ROOT = join(__dirname, '../../..');
/** Arguments as a user may give them; the SKU is one that a shell would take apart. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  tenant: 'acme%2Eeu',
  sku: "it's $HOME",
  epoch: '1700000000',
  flags: '--watch',
};

interface Recipe {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly lines: readonly string[];
}

/** The recipes of a justfile: a head at the margin, and its lines below. */
function recipesOf(text: string): Recipe[] {
  return [...text.matchAll(/^([a-z][\w-]*)((?: [*+]?\w+)*):\n((?: {4}.*\n)+)/gm)].map(
    ([, name = '', parameters = '', body = '']) => ({
      name,
      parameters: parameters.split(' ').flatMap((word) => (word === '' ? [] : [word.replace(/^[*+]/, '')])),
      lines: body
        .trimEnd()
        .split('\n')
        .map((line) => line.trim().replace(/^@/, '')),
    }),
  );
}

/** What just puts in the place of an expression: texts and parameters joined by +, also quoted for the shell. */
function expand(line: string, parameters: readonly string[]): string {
  return line.replace(/\{\{ (quote\()?(.*?)\)? \}\}/g, (_all, quoted: string | undefined, expression: string) => {
    const value = expression
      .split(' + ')
      .map((part) => {
        if (part.startsWith("'")) return part.slice(1, -1);
        if (!parameters.includes(part)) throw new Error(`${part} is no parameter of the recipe`);
        return ARGUMENTS[part] ?? '';
      })
      .join('');
    return quoted === undefined ? value : `'${value.replaceAll("'", `'\\''`)}'`;
  });
}

describe('the justfile', () => {
  const recipes = recipesOf(readFileSync(join(ROOT, 'justfile'), 'utf8'));
  let directory: TempDirectory;

  // Programs that print how they were called instead of running.
  beforeAll(async () => {
    directory = await makeTempDirectory();
    for (const program of ['npx', 'npm', 'jq', 'just']) {
      const path = join(directory.path, program);
      writeFileSync(
        path,
        `#!${process.execPath}\nrequire('node:fs').appendFileSync(${JSON.stringify(join(directory.path, 'calls'))}, JSON.stringify(['${program}', ...process.argv.slice(2)]) + '\\n');\n`,
      );
      chmodSync(path, 0o755);
    }
  });
  afterAll(() => directory.remove());

  function callsOf({ lines, parameters }: Recipe): string[][] {
    const calls = join(directory.path, 'calls');
    writeFileSync(calls, '');
    for (const line of lines)
      execFileSync('sh', ['-c', expand(line, parameters)], {
        env: { PATH: `${directory.path}:/usr/bin:/bin` },
        cwd: ROOT,
      });
    return readFileSync(calls, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as string[]);
  }
  const recipe = (name: string) => recipes.find((one) => one.name === name) ?? { name, parameters: [], lines: [] };
  const pulsesCall = (name: string) =>
    callsOf(recipe(name))
      .find(([, program]) => program === 'pulses')
      ?.slice(2) ?? [];

  it("has the original's recipes, and each recipe is read", () => {
    expect(recipes.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['source', 'sink', 'sink-before', 'sink-aggr', 'docs', 'test', 'serve']),
    );
    expect(recipes).toHaveLength(readFileSync(join(ROOT, 'justfile'), 'utf8').match(/^[^\s#].*:$/gm)?.length ?? 0);
  });

  it.each(recipes)('$name calls only commands, flags and scripts that exist', (one) => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
    const calls = callsOf(one);
    expect(calls.length).toBeGreaterThan(0);
    for (const [program, ...args] of calls) {
      if (program === 'npm') expect(scripts).toHaveProperty(args[0] === 'run' ? (args[1] ?? '') : (args[0] ?? ''));
      if (program === 'npx' && args[0] === 'nx')
        expect(existsSync(join(ROOT, 'apps', args[2] ?? '', 'project.json'))).toBe(true);
      if (program === 'npx' && args[0] === 'pulses') {
        const command = commands.find(({ name }) => name === args[1]);
        if (command === undefined) throw new Error(`${args[1]} is no command`);
        const names = command.usage.split(' ').filter((word) => /^[A-Z]+$/.test(word));
        const { positionals } = parseSettings(command.settings, {
          argv: args.slice(2),
          env: {},
          readFile: () => '',
          positionals: { names },
        });
        expect(positionals).toHaveLength(names.length);
      }
    }
  });

  it('gives tenant, SKU and time to the programs as they are', () => {
    expect(pulsesCall('sink')).toEqual(['cat', 'tenants.acme%2Eeu.grouped.pulses', "--sku=it's $HOME"]);
    expect(pulsesCall('sink-before')).toEqual([...pulsesCall('sink'), '--until=1700000000']);
    expect(pulsesCall('sink-aggr')).toEqual([
      'totals',
      '--tenant=acme%2Eeu',
      "--sku=it's $HOME",
      '--through=1700000000',
    ]);
  });
});

describe('devbox.json', () => {
  it('names each tool once, with a version', () => {
    const { packages } = JSON.parse(readFileSync(join(ROOT, 'devbox.json'), 'utf8')) as { packages: string[] };
    const names = packages.map((text) => /^([\w-]+)@[\w.]+$/.exec(text)?.[1]);
    expect([...new Set(names)].sort()).toEqual(
      ['apacheKafka', 'jdk', 'jq', 'just', 'nats-server', 'netcat-gnu', 'nodejs', 'redis'].sort(),
    );
  });
});
