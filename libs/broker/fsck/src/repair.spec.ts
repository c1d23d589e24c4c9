import { afterEach, describe, expect, it } from '@jest/globals';
import type { BrokerLog } from '@pulses/broker-log-api';
import { createSimRandom, type SimFileSystem } from '@pulses/testing-sim';
import { fillerOf } from './rescue/filler';
import { inspectDataDirectory, repairDataDirectory, type Repair } from './index';
import {
  BuiltShapes,
  contentOf,
  DIRECTORY,
  fileOf,
  flipBit,
  kindOf,
  openOn,
  publish,
  readMessages,
  SHAPES,
  stamp,
  type Shape,
} from './testing/shapes';

const TO = '/new';
const shapes = new BuiltShapes();
let open: BrokerLog | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

const mayBeSource = (topic: string): boolean => topic === 'source';
const repair = (fileSystem: SimFileSystem, to = TO): Promise<Repair> =>
  repairDataDirectory({ fileSystem, random: createSimRandom(1), from: DIRECTORY, to, kindOf, mayBeSource });

/** Repairs, and holds the result to the plain arrays of the shape: what is not listed as lost is there, byte for byte. */
async function repaired(shape: Shape, what = ''): Promise<{ report: Repair; log: BrokerLog }> {
  const { disk } = shape;
  const before = contentOf(disk);
  const report = await repair(disk);
  expect(contentOf(disk)).toEqual(before);
  const after = await inspectDataDirectory({ fileSystem: disk, directory: TO });
  // Positions may point behind what is left.
  const findings = after.findings.filter(({ what: of }) => !of.startsWith('position '));
  expect({ what, findings }).toEqual({ what, findings: [] });
  const log = await openOn(disk, TO);
  open = log;
  for (const [topic, { startOffset, messages }] of shape.topics) {
    const lost = report.lost.filter((range) => range.topic === topic);
    const info = log.topic(topic);
    if (info === undefined) {
      expect({ what, topic, isTold: report.lostState.length > 0 }).toEqual({ what, topic, isTold: true });
      continue;
    }
    const stored = await readMessages(log, topic);
    const isUncertain = report.lostState.some((text) => text.startsWith('messages behind lost frames'));
    const isStartKnown = !report.lostState.join().includes('no checkpoint is valid');
    if (isStartKnown) expect({ what, topic, startOffset: info.startOffset }).toEqual({ what, topic, startOffset });
    for (const [at, message] of messages.entries()) {
      const offset = startOffset + at;
      const index = offset - info.startOffset;
      if (index < 0) continue;
      const isLost = lost.some(({ fromOffset, toOffset }) => fromOffset <= offset && offset < toOffset);
      // Lost frames may have held messages at the end of a topic that nothing else tells of; the report says so. When what
      // attests the end of the journal is gone, or harmed together with it, not even that can be known.
      const isBehind = index >= stored.length && (report.lostState.length > 0 || what.includes('/attested'));
      const expected = isLost || isBehind ? [fillerOf(offset).trimEnd(), undefined] : [message];
      if (expected.includes(stored[index])) continue;
      // Behind frames that are lost whole, messages may have moved down.
      if (isUncertain && (stored[index]?.startsWith(`${topic}:`) ?? true)) break;
      throw new Error(`${what}: ${topic} holds ${stored[index]} at offset ${offset}, not ${message}`);
    }
  }
  return { report, log };
}

const WHOLE = { lost: [], lostState: [], isWhole: true };

describe('the repair of a sound directory', () => {
  it.each(SHAPES)(
    'loses nothing, and keeps offsets, positions, epochs, incarnations and deduplication: %s',
    async (name) => {
      const shape = await shapes.copy(name);
      const { report, log } = await repaired(shape);
      expect(report).toMatchObject(WHOLE);
      expect(await log.positions('', '')).toEqual(shape.positions);
      const query = { prefix: '', after: '', limit: 100 };
      const original = await openOn(shape.disk);
      expect(log.topics(query)).toEqual(original.topics(query));
      await original.close();
    },
  );

  it('goes on where the original would: repeats are known, epochs rise, offsets follow', async () => {
    const shape = await shapes.copy('many runs');
    const { log } = await repaired(shape);
    const { nextOffset } = log.topic('source')!; // every shape has one
    expect(await publish(log, 'source', ['again'], stamp(shape.nextSequence - 1))).toMatchObject({ duplicate: true });
    expect(await publish(log, 'source', ['new'], stamp(shape.nextSequence))).toMatchObject({
      duplicate: false,
      baseOffset: nextOffset,
    });
    expect(await log.advanceGroupEpoch('g')).toBe(2);
  });

  it('keeps a torn end of the journal out, as a start does', async () => {
    const shape = await shapes.copy('few messages');
    await shape.disk.remove(fileOf(shape.disk, /attested$/));
    const path = fileOf(shape.disk, /\.journal$/);
    shape.disk.replaceBytes(path, shape.disk.bytesOf(path).slice(0, -3));
    const topics = new Map([...shape.topics].filter(([topic]) => topic === 'source' || topic === 'logs'));
    const { report, log } = await repaired({ ...shape, topics });
    expect(report).toMatchObject(WHOLE);
    expect((await log.positions('g', 'source'))[0]!.revision).toBe(shape.positions[0]!.revision - 1);
  });

  it('can be repaired again, and goes on being sealed', async () => {
    const shape = await shapes.copy('many runs');
    const { log } = await repaired(shape);
    for (let at = 0; at < 200; at += 1) await publish(log, 'logs', [`more ${at} ${'x'.repeat(200)}`]);
    const all = await readMessages(log, 'logs');
    await log.close();
    const again = { fileSystem: shape.disk, random: createSimRandom(2), from: TO, to: '/newer', kindOf };
    expect(await repairDataDirectory(again)).toMatchObject(WHOLE);
    open = await openOn(shape.disk, '/newer');
    expect(await readMessages(open, 'logs')).toEqual(all);
  });
});

describe('the new directory', () => {
  it('has to be new, or empty, and outside of the original', async () => {
    const { disk } = await shapes.copy('few messages');
    await disk.makeDirectory('/used/x');
    const before = disk.files();
    const used = { code: 'CONFIG_INVALID', message: '/used is not empty; a repair writes into a new directory' };
    await expect(repair(disk, '/used')).rejects.toMatchObject(used);
    for (const bad of [`${DIRECTORY}/inside`, DIRECTORY, `/used/../${DIRECTORY}/.`]) {
      const message = `--to: '${bad}' is not valid: a directory outside ${DIRECTORY}`;
      await expect(repair(disk, bad)).rejects.toMatchObject({ code: 'CONFIG_INVALID', message });
    }
    expect(disk.files()).toEqual(before);
    await disk.removeDirectory('/used/x');
    expect(await repair(disk, '/used')).toMatchObject({ isWhole: true });
  });

  it.each(['.run', '.journal', '.checkpoint.tmp'])(
    'does not open when it was not finished: stopped at a file like *%s',
    async (ending) => {
      const { disk } = await shapes.copy('many runs');
      const fileSystem: SimFileSystem = {
        ...disk,
        open: async (path, mode) => {
          if (mode === 'create' && path.endsWith(ending)) throw new Error('stopped');
          return await disk.open(path, mode);
        },
      };
      await expect(repair(fileSystem)).rejects.toThrow('stopped');
      await expect(openOn(disk, TO)).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
    },
  );

  it('is not made while a broker has the original open', async () => {
    const { disk } = await shapes.copy('few messages');
    open = await openOn(disk);
    await expect(repair(disk)).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
    expect(await disk.exists(TO)).toBe(false);
  });
});

const RUN = /runs\/0{15}1\.0\.run$/;

/** The newest file of a kind: what it holds is in the journal still. */
const newest = (disk: SimFileSystem, ending: string): string => disk.files().findLast((path) => path.endsWith(ending))!; // each shape has it

describe('damage that costs nothing', () => {
  it.each<[string, (disk: SimFileSystem) => Promise<void> | void]>([
    ['a damaged attestation', (disk) => flipBit(disk, fileOf(disk, /attested$/), 9)],
    ['a damaged newest checkpoint', (disk) => flipBit(disk, newest(disk, '.checkpoint'), 300)],
    ['a damaged header of a segment', (disk) => flipBit(disk, newest(disk, '.journal'), 20)],
    ['a damaged header of a run', (disk) => flipBit(disk, fileOf(disk, RUN), 30)],
    ['a header of a run that is gone', (disk) => overwrite(disk, fileOf(disk, RUN), 0, 64)],
    [
      'a damaged index of a run',
      (disk) => flipBit(disk, fileOf(disk, RUN), disk.bytesOf(fileOf(disk, RUN)).length - 6),
    ],
    ['a damaged directory of a run', (disk) => flipBit(disk, fileOf(disk, RUN), directoryAt(disk) + 60)],
    ['a run that the journal still has', (disk) => disk.remove(newest(disk, '.0.run'))],
    ['messages that the journal still has', (disk) => flipBit(disk, newest(disk, '.0.run'), 200)],
  ])('is mended without loss: %s', async (_, harm) => {
    const shape = await shapes.copy('many runs');
    await harm(shape.disk);
    const { report, log } = await repaired(shape);
    expect(report.findings.filter(({ severity }) => severity === 'damage').length).toBeGreaterThan(0);
    expect(report).toMatchObject(WHOLE);
    expect(await log.positions('', '')).toEqual(shape.positions);
  });
});

/** Two topics, in one block: what is behind them is its checksum, and the index. */
function directoryAt(disk: SimFileSystem): number {
  return disk.bytesOf(fileOf(disk, RUN)).length - 2 * 56 - 4 - 8;
}

function overwrite(disk: SimFileSystem, path: string, from: number, to: number, byte = 0): void {
  disk.replaceBytes(path, disk.bytesOf(path).slice().fill(byte, from, to));
}

describe('lost messages', () => {
  it.each<[string, (disk: SimFileSystem, path: string) => Promise<void> | void]>([
    ['a flipped bit in the messages of a run', (disk, path) => flipBit(disk, path, 300)],
    ['a run cut short', (disk, path) => disk.replaceBytes(path, disk.bytesOf(path).slice(0, 1_000))],
    ['a run that is gone', (disk, path) => disk.remove(path)],
    ['a directory that is gone', (disk, path) => overwrite(disk, path, directoryAt(disk), disk.bytesOf(path).length)],
    // Its checksums prove the messages, and nothing proves where they belong.
    [
      'an offset of its directory',
      (disk, path) => overwrite(disk, path, directoryAt(disk) + 56 + 32, directoryAt(disk) + 56 + 34, 1),
    ],
    ['a page of it', (disk, path) => overwrite(disk, path, 512, 1_024)],
  ])('leave fillers at their offsets, and nothing behind them moves: %s', async (_, harm) => {
    const shape = await shapes.copy('many runs');
    await harm(shape.disk, fileOf(shape.disk, RUN));
    const { report, log } = await repaired(shape);
    expect(report).toMatchObject({ isWhole: false, lostState: [] });
    for (const topic of ['source', 'logs']) {
      const stored = await readMessages(log, topic);
      const lost = report.lost.filter((range) => range.topic === topic);
      for (const { fromOffset, toOffset, messages, reason } of lost) {
        expect(messages).toBe(toOffset - fromOffset);
        expect(reason).toMatch(/runs\/0{15}1\.0\.run, byte \d+: /);
        for (let at = fromOffset; at < toOffset; at += 1) expect(stored[at]).toBe(fillerOf(at).trimEnd());
      }
      expect(stored.length).toBe(shape.topics.get(topic)!.messages.length);
      const bytes = stored.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0);
      expect(log.topic(topic)).toMatchObject({ bytes });
      expect(stored.filter((text) => text.startsWith('{"lost')).length).toBe(
        lost.reduce((sum, { messages }) => sum + messages, 0),
      );
    }
    expect(await log.positions('', '')).toEqual(shape.positions);
  });

  it('of the payload of a frame are exactly those that it held, and its positions stay', async () => {
    const shape = await shapes.copy('few messages');
    const path = fileOf(shape.disk, /\.journal$/);
    flipBit(shape.disk, path, Buffer.from(shape.disk.bytesOf(path)).indexOf('out.0:4:'));
    const { report, log } = await repaired(shape);
    expect(report.lostState).toEqual([]);
    expect(report.lost.map(({ topic, fromOffset, messages }) => [topic, fromOffset, messages]).sort()).toEqual([
      ['out.0', 4, 2],
      ['out.1', 4, 2],
    ]);
    expect(await log.positions('', '')).toEqual(shape.positions);
  });
});
