import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { mkdir, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeFileSystem } from '@pulses/shared-node-platform';
import type { BrokerLog } from '@pulses/broker-log-api';
import { inspectDataDirectory } from './fsck';
import { repairDataDirectory } from './repair';
import type { Repair } from './repair-types';
import { fillerOf } from './repair-topic';
import {
  builtShapes,
  filesOf,
  fingerprint,
  flipBit,
  seededNumbers,
  SHAPES,
  sizeOf,
  type Shape,
  type ShapeName,
} from './testing/fsck-fixture';
import { openLog, publish, readMessages, stamp, temporaryDirectories } from './testing/log-fixture';
import { sizes } from './testing/torture-sizes';

const directories = temporaryDirectories();
const shapes = builtShapes();
let open: BrokerLog | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
  await directories.removeAll();
});
afterAll(() => shapes.removeAll());

async function shapeOf(name: ShapeName): Promise<Shape> {
  return await shapes.copy(await directories.make(), name);
}

async function fileOf(directory: string, pattern: RegExp): Promise<string> {
  const path = (await filesOf(directory)).find((name) => pattern.test(name));
  if (path === undefined) throw new Error(`no file is like ${String(pattern)}`);
  return path;
}

/** Repairs, and holds the result to the plain arrays of the shape: what is not listed as lost is there, byte for byte. */
async function repaired(shape: Shape, what = ''): Promise<{ repair: Repair; log: BrokerLog; to: string }> {
  const before = await fingerprint(shape.directory);
  const to = join(await directories.make(), 'new');
  const mayBeSource = (topic: string) => topic === 'source';
  const repair = await repairDataDirectory({ fileSystem: nodeFileSystem, from: shape.directory, to, mayBeSource });
  expect(await fingerprint(shape.directory)).toBe(before);
  const after = await inspectDataDirectory({ fileSystem: nodeFileSystem, directory: to });
  expect({ what, findings: after.findings }).toEqual({ what, findings: [] });
  const log = await openLog(to);
  open = log;
  for (const [topic, { startOffset, messages }] of shape.topics) {
    const lost = repair.lost.filter((range) => range.topic === topic);
    const info = log.topic(topic);
    if (info === undefined) {
      expect({ what, topic, lost: lost.reduce((sum, range) => sum + range.messages, 0) }).toEqual({
        what,
        topic,
        lost: messages.length,
      });
      continue;
    }
    const stored = await readMessages(log, topic);
    // Without a checkpoint the first file says where a topic starts.
    const isStartKnown = !repair.lostState.join().includes('no checkpoint is valid');
    if (isStartKnown) expect({ what, topic, startOffset: info.startOffset }).toEqual({ what, topic, startOffset });
    for (const [at, message] of messages.entries()) {
      const offset = startOffset + at;
      const index = offset - info.startOffset;
      if (index < 0) continue;
      const isLost = lost.some(({ fromOffset, toOffset }) => fromOffset <= offset && offset < toOffset);
      // Lost frames may have held messages at the end of a topic that nothing else tells of; the report says so. When what
      // attests the end of the journal is gone, or harmed together with it, not even that can be known.
      const isBehind = index >= stored.length && (repair.lostState.length > 0 || what.includes('/attested'));
      const expected = isLost || isBehind ? [fillerOf(offset).trimEnd(), undefined] : [message];
      if (!expected.includes(stored[index]))
        throw new Error(`${what}: ${topic} holds ${stored[index]} at offset ${offset}, not ${message}`);
    }
  }
  return { repair, log, to };
}

describe('the repair of a sound directory', () => {
  it.each(SHAPES)(
    'loses nothing, and keeps offsets, positions, epochs, incarnations and deduplication: %s',
    async (name) => {
      const shape = await shapeOf(name);
      const { repair, log } = await repaired(shape);
      expect(repair).toMatchObject({ lost: [], lostState: [], isWhole: true });
      expect(await log.positions('', '')).toEqual(shape.positions);
      open = undefined;
      const source = log.topic('source');
      const topics = log.topics({ prefix: '', after: '', limit: 100 });
      await log.close();
      open = await openLog(shape.directory);
      expect(topics).toEqual(open.topics({ prefix: '', after: '', limit: 100 }));
      expect(source).toEqual(open.topic('source'));
    },
  );

  it('goes on where the original would: repeats are known, epochs rise, offsets follow', async () => {
    const shape = await shapeOf('many segments');
    const { log } = await repaired(shape);
    const { nextOffset } = log.topic('source')!;
    expect(await publish(log, 'source', ['again'], stamp(shape.nextSequence - 1))).toMatchObject({ duplicate: true });
    expect(await publish(log, 'source', ['new'], stamp(shape.nextSequence))).toMatchObject({
      duplicate: false,
      baseOffset: nextOffset,
    });
    expect(await log.advanceGroupEpoch('g')).toBe(2);
  });

  it('keeps a torn end of the journal out, as a start does', async () => {
    const shape = await shapeOf('few messages');
    await rm(join(shape.directory, 'journal', 'attested'));
    const path = await fileOf(shape.directory, /\.journal$/);
    await truncate(path, (await sizeOf(path)) - 3);
    const { repair, log } = await repaired({
      ...shape,
      topics: new Map([...shape.topics].filter(([topic]) => topic === 'source' || topic === 'logs')),
    });
    expect(repair).toMatchObject({ lost: [], lostState: [], isWhole: true });
    const { positions } = shape;
    expect((await log.positions('g', 'source'))[0]!.revision).toBe(positions[0]!.revision - 1);
  });
});

describe('the new directory', () => {
  it('has to be new, or empty, and outside of the original', async () => {
    const { directory } = await shapeOf('few messages');
    const to = await directories.make();
    await mkdir(join(to, 'x'));
    for (const bad of [to, join(directory, 'inside'), directory]) {
      const refused = repairDataDirectory({ fileSystem: nodeFileSystem, from: directory, to: bad });
      await expect(refused).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    }
    expect(await readdir(directory)).not.toContain('inside');
    await rm(join(to, 'x'), { recursive: true });
    expect(await repairDataDirectory({ fileSystem: nodeFileSystem, from: directory, to })).toMatchObject({
      isWhole: true,
    });
  });

  it.each(['.ndjson', '.journal', '.checkpoint.tmp'])(
    'does not open when it was not finished: stopped at a file like *%s',
    async (ending) => {
      const { directory } = await shapeOf('few messages');
      const to = join(await directories.make(), 'new');
      const open: typeof nodeFileSystem.open = (path, mode) =>
        mode === 'create' && path.endsWith(ending)
          ? Promise.reject(new Error('stopped'))
          : nodeFileSystem.open(path, mode);
      const fileSystem = { ...nodeFileSystem, open };
      await expect(repairDataDirectory({ fileSystem, from: directory, to })).rejects.toThrow('stopped');
      await expect(openLog(to)).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
    },
  );

  it('is not made while a broker has the original open', async () => {
    const directory = await directories.make();
    open = await openLog(directory);
    const to = join(await directories.make(), 'new');
    const refused = repairDataDirectory({ fileSystem: nodeFileSystem, from: directory, to });
    await expect(refused).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
    expect(await nodeFileSystem.exists(to)).toBe(false);
  });
});

describe('damage that costs nothing', () => {
  it.each([
    ['a damaged attestation', /attested$/, 9],
    ['a damaged newest checkpoint', /checkpoint$/, 300],
    ['a damaged header of an index', /logs\/0{16}.*index$/, 40],
    ['a damaged journal header', /journal$/, 20],
  ])('is mended without loss: %s', async (_, pattern, byte) => {
    const shape = await shapeOf('many segments');
    const path = (await filesOf(shape.directory)).findLast((name) => pattern.test(name))!;
    await flipBit(path, byte);
    const { repair, log } = await repaired(shape);
    expect(repair.findings.filter(({ severity }) => severity === 'damage').length).toBeGreaterThan(0);
    expect(repair).toMatchObject({ lost: [], lostState: [], isWhole: true });
    expect(await log.positions('', '')).toEqual(shape.positions);
  });

  it('such as a topic file that the journal still has, is mended from the journal', async () => {
    const shape = await shapeOf('few messages');
    await rm(join(shape.directory, 'topics'), { recursive: true });
    expect((await repaired(shape)).repair).toMatchObject({ lost: [], lostState: [], isWhole: true });
  });
});

describe('lost messages', () => {
  it.each([
    ['a flipped bit in a topic file', /logs\/0{16}.*ndjson$/, (path: string) => flipBit(path, 2_000)],
    ['a flipped bit in an index', /logs\/0{16}.*index$/, (path: string) => flipBit(path, 320 + 5 * 36)],
    ['a topic file cut short', /logs\/0{16}.*ndjson$/, (path: string) => truncate(path, 3_001)],
    ['an index cut short', /logs\/0{16}.*index$/, (path: string) => truncate(path, 1_000)],
    ['a topic file that is gone', /logs\/0{16}.*ndjson$/, (path: string) => rm(path)],
    ['an index that is gone', /logs\/0{16}.*index$/, (path: string) => rm(path)],
  ])('leave fillers at their offsets, and nothing behind them moves: %s', async (_, pattern, harm) => {
    const shape = await shapeOf('many segments');
    await harm(await fileOf(shape.directory, pattern));
    const { repair, log } = await repaired(shape);
    expect(repair.isWhole).toBe(false);
    expect(repair.lostState).toEqual([]);
    expect(new Set(repair.lost.map(({ topic }) => topic))).toEqual(new Set(['logs']));
    const stored = await readMessages(log, 'logs');
    for (const { fromOffset, toOffset, messages, reason } of repair.lost) {
      expect(messages).toBe(toOffset - fromOffset);
      expect(reason).toMatch(/logs\/0{16}.*, byte \d+: /);
      for (let offset = fromOffset; offset < toOffset; offset += 1)
        expect(stored[offset]).toBe(fillerOf(offset).trimEnd());
    }
    expect(stored.length).toBe(shape.topics.get('logs')!.messages.length);
    expect(stored.filter((text) => text.startsWith('{"lost')).length).toBe(
      repair.lost.reduce((sum, { messages }) => sum + messages, 0),
    );
    expect(await log.positions('', '')).toEqual(shape.positions);
  });
});

describe('lost frames of the journal', () => {
  it('leave positions that later frames state, and no epoch of before passes', async () => {
    const shape = await shapeOf('few messages');
    const path = await fileOf(shape.directory, /\.journal$/);
    await rm(join(shape.directory, 'topics'), { recursive: true });
    await flipBit(path, Math.floor((await sizeOf(path)) / 2));
    const { repair, log } = await repaired(shape);
    expect(repair.isWhole).toBe(false);
    expect(repair.lostState).toEqual([expect.stringMatching(/^frame \d+ of the journal is lost/)]);
    expect(await log.positions('', '')).toEqual(shape.positions);
    expect(await log.advanceGroupEpoch('g')).toBeGreaterThan(1_000);
  });

  it('at the end set a group back, and what only files have of its outputs is left out, not kept twice', async () => {
    const shape = await shapeOf('few messages');
    const path = await fileOf(shape.directory, /\.journal$/);
    await truncate(path, (await sizeOf(path)) - 3);
    const { repair, log } = await repaired(shape);
    const [position] = await log.positions('g', 'source');
    expect(position!.revision).toBe(shape.positions[0]!.revision - 1);
    expect(repair.lost.map(({ topic, messages }) => [topic, messages]).sort()).toEqual([
      ['out.0', 2],
      ['out.1', 2],
    ]);
    expect((await readMessages(log, 'out.0')).length).toBe(8);
    expect((await readMessages(log, 'source')).length).toBe(shape.topics.get('source')!.messages.length);
    expect(repair.lostState.join()).toContain('group g may have moved');
  });

  it('and of every checkpoint leave what files and the rest of the journal tell', async () => {
    const shape = await shapeOf('many segments');
    for (const name of await readdir(join(shape.directory, 'checkpoints')))
      await rm(join(shape.directory, 'checkpoints', name));
    const { repair, log } = await repaired(shape);
    expect(repair.lostState.join()).toContain('no checkpoint is valid');
    expect(repair.lost).toEqual([]);
    expect(await log.positions('', '')).toEqual(shape.positions);
  });
});

describe('a start that nothing but files tells of', () => {
  it('is taken from the name of the first file, also when that is damaged', async () => {
    const shape = await shapeOf('many segments');
    for (const name of await readdir(join(shape.directory, 'checkpoints')))
      await rm(join(shape.directory, 'checkpoints', name));
    await truncate(await fileOf(shape.directory, /logs\/0{16}.*index$/), 10);
    const { repair, log } = await repaired(shape);
    expect(log.topic('logs')).toMatchObject({ startOffset: 0, nextOffset: shape.topics.get('logs')!.messages.length });
    expect(repair.lost).toMatchObject([{ topic: 'logs', fromOffset: 0 }]);
  });
});

describe('a journal whose end and attestation are both damaged', () => {
  it('is repaired with the word that the last frame may have been acknowledged', async () => {
    const shape = await shapeOf('few messages');
    await flipBit(await fileOf(shape.directory, /journal\/attested$/), 9);
    const newest = (await filesOf(shape.directory)).filter((path) => path.endsWith('.journal')).at(-1)!; // made with the shape
    await flipBit(newest, (await sizeOf(newest)) - 2);
    const { repair } = await repaired(shape);
    expect(repair.lostState).toEqual([
      expect.stringContaining('may be one that was torn while it was written, or one that was acknowledged'),
    ]);
    expect(repair.isWhole).toBe(false);
  });
});

describe('random damage', () => {
  it(
    'never makes a repair that keeps a wrong message, or loses one in silence',
    async () => {
      const { seed } = SCALE;
      const below = seededNumbers(seed);
      for (let round = 0; round < sizes.repairs; round += 1) {
        const shape = await shapeOf(SHAPES[2 + below(4)]!);
        const what: string[] = [`seed ${seed}, round ${round}`];
        for (let harm = 0; harm <= below(3); harm += 1) {
          const paths = await filesOf(shape.directory);
          const path = paths[below(paths.length)]!;
          const size = await sizeOf(path);
          const kind = below(6);
          what.push(`${['remove', 'cut', 'overwrite'][kind] ?? 'flip'} ${path}`);
          if (kind === 0) await rm(path);
          else if (kind === 1) await truncate(path, below(size));
          else if (kind === 2) await writeFile(path, Buffer.alloc(Math.min(size, 300), below(256)), { flag: 'r+' });
          else if (size > 0) await flipBit(path, below(size), below(8));
        }
        const { repair, log } = await repaired(shape, what.join('; '));
        if (!repair.lostState.join().includes('no checkpoint is valid')) {
          // Each change of the position came with two messages: neither is there without the other.
          const revision = (await log.positions('g', 'source'))[0]?.revision ?? 0;
          const outputs = log.topic('out.0')?.nextOffset ?? 0;
          expect({ what, outputs }).toEqual({ what, outputs: 2 * revision });
        }
        open = undefined;
        await log.close();
        await directories.removeAll();
      }
    },
    sizes.timeoutMs,
  );
});
