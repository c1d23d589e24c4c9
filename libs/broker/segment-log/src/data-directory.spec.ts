// What a start does with its directory, over the simulated file system.

import { describe, expect, it } from '@jest/globals';
import { isPulsesError } from '@pulses/shared-errors';
import { createSimFileSystem, createSimRandom, type SimFileSystem } from '@pulses/testing-sim';
import { crc32 } from 'node:zlib';
import { publish, readMessages } from './testing/log-fixture';
import { DIRECTORY, machineOn, openOn, settled } from './testing/torture-run';

/** A log that was stopped after enough messages for checkpoints and runs, unless `isYoung`. */
async function stopped({ isYoung = false } = {}): Promise<SimFileSystem> {
  const on = machineOn(createSimFileSystem({ seed: 1 }), createSimRandom(1));
  const log = await openOn(on);
  for (let at = 0; at < (isYoung ? 1 : 200); at += 1) {
    await settled(on, publish(log!, at % 3 === 0 ? 'b' : 'a', ['x'.repeat(60)])); // the power is on
    await on.clock.advance(10);
  }
  await settled(on, log!.close());
  return on.fileSystem.fork();
}

/** What a start says; 'open' when it succeeds. */
async function startOn(disk: SimFileSystem): Promise<{ code: string; message: string }> {
  const on = machineOn(disk, createSimRandom(2), 1_700_000_900_000);
  try {
    const log = await openOn(on);
    await settled(on, log!.close()); // the power is on
    return { code: 'open', message: '' };
  } catch (error) {
    if (!isPulsesError(error)) throw error;
    return error;
  } finally {
    expect(disk.openHandles).toBe(0);
  }
}

async function without(disk: SimFileSystem, isGone: (path: string) => boolean): Promise<SimFileSystem> {
  const copy = disk.fork();
  const gone = copy.files().filter(isGone);
  expect(gone).not.toEqual([]);
  for (const path of gone) await copy.remove(path);
  return copy;
}

async function withFile(disk: SimFileSystem, path: string, bytes: Uint8Array): Promise<SimFileSystem> {
  const copy = disk.fork();
  await copy.makeDirectory(path.slice(0, path.lastIndexOf('/')));
  if (!copy.files().includes(path)) await (await copy.open(path, 'create')).close();
  copy.replaceBytes(path, bytes);
  return copy.fork();
}

const below = (part: string) => (path: string) => path.startsWith(`${DIRECTORY}/${part}`);
const either =
  (...parts: string[]) =>
  (path: string) =>
    parts.some((part) => below(part)(path));
const MANIFEST = `${DIRECTORY}/manifest`;

describe('a start refuses', () => {
  const cases: [name: string, isYoung: boolean, gone: (path: string) => boolean, named: string][] = [
    ['a journal that is missing beside checkpoints', false, below('journal/'), 'journal'],
    ['a journal that is missing beside runs', false, either('journal/', 'checkpoints/', 'manifest'), 'runs'],
    ['a journal that is missing beside nothing but the manifest', true, below('journal/'), 'journal'],
    ['segments that are missing beside the note of a clean stop', true, (path) => path.endsWith('.journal'), 'journal'],
    ['checkpoints that are missing beside a journal that needs them', false, below('checkpoints/'), 'checkpoints'],
    ['a run that is missing', false, (path) => path.endsWith('.run'), 'runs'],
  ];
  it.each(cases)('%s', async (_, isYoung, gone, named) => {
    const { code, message } = await startOn(await without(await stopped({ isYoung }), gone));
    expect(code).toBe('JOURNAL_CORRUPT');
    expect(message).toContain(`${DIRECTORY}/${named}`);
    expect(message).toContain('run: pulses repair --data-dir /data');
  });

  it('a missing journal again at the next start', async () => {
    const disk = await without(await stopped({ isYoung: true }), below('journal/'));
    for (let start = 0; start < 3; start += 1) expect((await startOn(disk)).code).toBe('JOURNAL_CORRUPT');
  });

  it('lines of topics without a log', async () => {
    const empty = createSimFileSystem({ seed: 1 });
    const disk = await withFile(empty, `${DIRECTORY}/topics/a/0000000000000000.ndjson`, Buffer.from('1\n'));
    const { code, message } = await startOn(disk);
    expect([code, message]).toEqual(['JOURNAL_CORRUPT', expect.stringContaining('/data/journal')]);
  });

  it('a journal of another log', async () => {
    const disk = await stopped();
    const line = Buffer.from(disk.bytesOf(MANIFEST)).toString();
    const fields = line.slice(0, -9).replace(/[0-9a-f]{24}/, '0'.repeat(24));
    const other = await withFile(disk, MANIFEST, Buffer.from(`${fields}${crc32(fields).toString(16)}\n`));
    expect(await startOn(other)).toMatchObject({
      code: 'JOURNAL_CORRUPT',
      message: expect.stringContaining('manifest'),
    });
  });
});

describe('the manifest', () => {
  it('is written at the first start, and again where it is lost', async () => {
    const disk = await stopped();
    expect(Buffer.from(disk.bytesOf(MANIFEST)).toString()).toMatch(/^pulses-log 2 [0-9a-f]{24} [0-9a-f]{8}\n$/);
    const bytes = disk.bytesOf(MANIFEST);
    const lost = await without(disk, below('manifest'));
    expect((await startOn(lost)).code).toBe('open');
    expect(lost.bytesOf(MANIFEST)).toEqual(bytes);
  });

  it('is damaged when any bit is, or any byte is missing', async () => {
    const disk = await stopped({ isYoung: true });
    const bytes = disk.bytesOf(MANIFEST);
    const damages = Array.from({ length: bytes.length * 8 }, (_, bit) => {
      const copy = bytes.slice();
      copy[bit >>> 3]! ^= 1 << (bit & 7); // below the length
      return copy;
    });
    for (let length = 0; length < bytes.length; length += 1) damages.push(bytes.slice(0, length));
    for (const damage of damages) {
      const { code, message } = await startOn(await withFile(disk, MANIFEST, damage));
      expect([code, message]).toEqual(['JOURNAL_CORRUPT', expect.stringContaining(MANIFEST)]);
    }
  });
});

describe('a directory of another release', () => {
  const format1 = Buffer.from('PULSJRN1'.padEnd(100, '\0'));

  it('of before is refused with its format, and nothing in it is changed', async () => {
    const path = `${DIRECTORY}/journal/0000000000000001.journal`;
    const leftOver = `${DIRECTORY}/journal/0000000000000002.journal.tmp`;
    const disk = await withFile(createSimFileSystem({ seed: 1 }), path, format1);
    const old = await withFile(disk, leftOver, Buffer.from('1'));
    const { code, message } = await startOn(old);
    expect([code, message]).toEqual(['CONFIG_INVALID', expect.stringContaining('format 1')]);
    expect(message).toContain(`--data-dir: '${DIRECTORY}'`);
    expect(old.files()).toEqual([path, leftOver].sort());
    await expect(old.list(`${DIRECTORY}/runs`)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('of later is refused with its format', async () => {
    const fields = 'pulses-log 31 0123456789abcdef01234567 ';
    const disk = await withFile(await stopped(), MANIFEST, Buffer.from(`${fields}${crc32(fields).toString(16)}\n`));
    expect(await startOn(disk)).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('format 31'),
    });
  });
});

it('a start after all that keeps every message', async () => {
  const disk = await stopped();
  const on = machineOn(disk, createSimRandom(3), 1_700_000_900_000);
  const log = await openOn(on);
  expect((await readMessages(log!, 'a')).length + (await readMessages(log!, 'b')).length).toBe(200); // the power is on
  await settled(on, log!.close());
});

it('a start refuses rights that it cannot change, and leaves no handle or lock', async () => {
  const disk = createSimFileSystem({ seed: 1 });
  await disk.makeDirectory(DIRECTORY);
  const isPrivate = (): Promise<boolean> => Promise.resolve(false);
  const makePrivate = (): Promise<void> => Promise.reject(Object.assign(new Error('no'), { code: 'EPERM' }));
  const opening = openOn(machineOn(disk, createSimRandom(1)), { fileSystem: { ...disk, isPrivate, makePrivate } });
  await expect(opening).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(/^--data-dir: '\/data' .*EPERM.*'\/data\/broker'$/),
  });
  await (await disk.lockDirectory(DIRECTORY)).release();
});
