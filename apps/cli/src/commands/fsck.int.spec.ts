import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSegmentLog } from '@pulses/broker-segment-log';
import { nodeClock, nodeFileSystem, nodeRandom } from '@pulses/shared-node-platform';
import { nodeProcess } from '@pulses/shared-process';
import type { Command } from '../command';
import type { Terminal } from '../terminal';
import { fsckCommand } from './fsck';
import { repairCommand } from './repair';

const host = { ...nodeProcess(), env: {} };

let directory = '';
afterEach(() => rm(directory, { recursive: true, force: true }));

/** A data directory with one topic of five messages in five frames. */
async function dataDirectory(): Promise<string> {
  directory = await mkdtemp(join(tmpdir(), 'pulses-cli-'));
  const data = join(directory, 'data');
  const log = await openSegmentLog({
    fileSystem: nodeFileSystem,
    clock: nodeClock,
    random: nodeRandom,
    directory: data,
  });
  for (let at = 0; at < 5; at += 1)
    await log.append({ topic: 'a', recordCount: 1, payload: Buffer.from(`{"at":${at}}\n`) });
  await log.close();
  return data;
}

async function run(
  command: Command,
  argv: readonly string[],
  isInteractive = false,
): Promise<{ code: number; lines: string[] }> {
  let written = '';
  const terminal: Terminal = {
    isInteractive,
    showsProgress: false,
    canAsk: false,
    ask: () => Promise.resolve(''),
    write: (data) => {
      written += data.toString();
      return Promise.resolve();
    },
    flush: () => Promise.resolve(),
    note: () => undefined,
    input: () => {
      throw new TypeError('neither command reads standard input');
    },
  };
  const code = await command.run(argv, host, terminal);
  return { code, lines: written.split('\n').slice(0, -1) };
}

/** Flips a bit of the message `{"at":2}` in the journal; resolves to the path. */
async function damage(data: string): Promise<string> {
  const name = (await readdir(join(data, 'journal'))).find((file) => file.endsWith('.journal'));
  const path = join(data, 'journal', name ?? '');
  const bytes = await readFile(path);
  bytes[bytes.indexOf('{"at":2}') + 1]! ^= 1; // a whole file is not empty
  await writeFile(path, bytes);
  return path;
}

describe('pulses fsck', () => {
  it('answers 0 for a sound directory, in JSON when piped and in words on a terminal', async () => {
    const data = await dataDirectory();
    const piped = await run(fsckCommand, [`--data-dir=${data}`]);
    expect(piped.code).toBe(0);
    expect(piped.lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { sound: true, messages: 5, messages_lost: 0 },
    ]);
    const shown = await run(fsckCommand, [`--data-dir=${data}`], true);
    expect(shown).toMatchObject({ code: 0 });
    expect(shown.lines.at(-1)).toBe('sound');
  });

  it('answers 3 for a damaged one, and names file, byte and the repair command', async () => {
    const data = await dataDirectory();
    const path = await damage(data);
    const { code, lines } = await run(fsckCommand, ['--json', `--data-dir=${data}`], true);
    expect(code).toBe(3);
    const [finding, summary] = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(finding).toMatchObject({ finding: 'damage', file: path, byte: expect.any(Number) });
    expect(summary).toMatchObject({
      sound: false,
      damages: 1,
      repair: `pulses repair --data-dir ${data} --to ${data}.repaired`,
    });
    const shown = await run(fsckCommand, [`--data-dir=${data}`], true);
    expect(shown.lines[0]).toContain(`damage: ${path}, byte ${String(finding?.['byte'])}: `);
    expect(shown.lines.at(-1)).toContain(`pulses repair --data-dir ${data} --to ${data}.repaired`);
  });
});

const everyName = async (path: string) => (await readdir(path, { recursive: true })).sort();

describe('a directory that nothing may write to', () => {
  it.each([
    ['has no lock file', (lock: string) => rm(lock)],
    ['has a lock file that cannot be opened', (lock: string) => rm(lock).then(() => mkdir(lock))],
  ])('is checked and saved, and left as it is, when it %s', async (_what, change) => {
    const data = await dataDirectory();
    await change(join(data, 'broker.lock'));
    const names = await everyName(data);
    expect(await run(fsckCommand, [`--data-dir=${data}`])).toMatchObject({ code: 0 });
    expect(await run(repairCommand, [`--data-dir=${data}`, `--to=${data}.new`])).toMatchObject({ code: 0 });
    expect(await everyName(data)).toEqual(names);
  });
});

describe('a directory that is none of a broker', () => {
  it.each([
    ['missing', () => Promise.resolve()],
    ['empty', (path: string) => mkdir(path)],
    ['a file', (path: string) => writeFile(path, '')],
    ['foreign', (path: string) => mkdir(join(path, 'photos'), { recursive: true })],
  ])('is refused when it is %s, and left as it is', async (_what, make) => {
    directory = await mkdtemp(join(tmpdir(), 'pulses-cli-'));
    const path = join(directory, 'other');
    await make(path);
    const names = await everyName(directory);
    for (const [command, argv] of [
      [fsckCommand, [`--data-dir=${path}`]],
      [fsckCommand, [`--data-dir=${path}/below`]],
      [repairCommand, [`--data-dir=${path}`, `--to=${directory}/new`]],
    ] as const)
      await expect(run(command, argv)).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(
          /^--data-dir: '.*' is no data directory; allowed: one that a broker has written$/,
        ),
      });
    expect(await everyName(directory)).toEqual(names);
  });
});

describe('pulses repair', () => {
  it.each(['/proc/x', '/dev/null', '/proc'])('refuses to write to %s at once', async (to) => {
    const data = await dataDirectory();
    await expect(run(repairCommand, [`--data-dir=${data}`, `--to=${to}`])).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`${to} is not`),
    });
  });

  it('answers 0 when nothing is lost', async () => {
    const data = await dataDirectory();
    const { code, lines } = await run(repairCommand, [`--data-dir=${data}`, `--to=${data}.new`]);
    expect(code).toBe(0);
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { whole: true, messages_saved: 5, messages_lost: 0 },
    ]);
  });

  it('answers 1 when something is, and lists it; the new directory is sound', async () => {
    const data = await dataDirectory();
    await damage(data);
    const { code, lines } = await run(repairCommand, [`--data-dir=${data}`, `--to=${data}.new`]);
    expect(code).toBe(1);
    const [lost, summary] = lines.map((line) => JSON.parse(line) as unknown);
    expect(lost).toMatchObject({ lost: 'messages', topic: 'a', from_offset: 2, messages: 1 });
    expect(summary).toMatchObject({ whole: false, messages_saved: 4, messages_lost: 1 });
    expect(await run(fsckCommand, [`--data-dir=${data}.new`])).toMatchObject({ code: 0 });
  });

  it('asks for the new directory', async () => {
    const data = await dataDirectory();
    await expect(run(repairCommand, [`--data-dir=${data}`])).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});
