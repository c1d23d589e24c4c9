import { afterEach, describe, expect, it } from '@jest/globals';
import type { BrokerLog } from '@pulses/broker-log-api';
import { FRAME_HEADER_BYTES } from '@pulses/broker-segment-log';
import { createSimRandom, type SimFileSystem } from '@pulses/testing-sim';
import { repairDataDirectory, type Repair } from './index';
import {
  BuiltShapes,
  DIRECTORY,
  fileOf,
  filesIn,
  flipBit,
  framesOf,
  kindOf,
  loseAt,
  openOn,
  readMessages,
} from './testing/shapes';

const TO = '/new';
const shapes = new BuiltShapes();
let open: BrokerLog | undefined;
afterEach(async () => {
  await open?.close();
  open = undefined;
});

async function repaired(fileSystem: SimFileSystem): Promise<{ report: Repair; log: BrokerLog }> {
  const mayBeSource = (topic: string): boolean => topic === 'source';
  const places = { random: createSimRandom(1), from: DIRECTORY, to: TO };
  const report = await repairDataDirectory({ fileSystem, ...places, kindOf, mayBeSource });
  open = await openOn(fileSystem, TO);
  return { report, log: open };
}

/** Frame `number` of a segment is gone, with its header. */
function lose(disk: SimFileSystem, path: string, number: number): void {
  loseAt(disk, path, framesOf(disk, path).at(number)!); // callers know the shape
}

const segmentsOf = (disk: SimFileSystem): string[] =>
  filesIn(disk, 'journal').filter((path) => path.endsWith('.journal') && framesOf(disk, path).length > 3);

describe('one wrong byte of a frame', () => {
  it('costs nothing, unless it is one of a message', async () => {
    const { disk, topics, positions } = await shapes.copy('few messages');
    const path = fileOf(disk, /\.journal$/);
    for (const at of framesOf(disk, path)) {
      // The shortest frame has eight bytes behind its header.
      for (const byte of [0, 16, 40, 50, 60, 63, FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + 7]) {
        const copy = disk.fork();
        flipBit(copy, path, at + byte, byte % 8);
        const { report, log } = await repaired(copy);
        const damage = report.findings.filter(({ severity }) => severity === 'damage');
        const isPayload = damage.every(({ what }) => what.startsWith('the payload'));
        expect(damage).toMatchObject([{ file: path, byteOffset: at }]);
        if (!isPayload) expect(report).toMatchObject({ lost: [], lostState: [], isWhole: true });
        if (!isPayload) expect(await readMessages(log, 'logs')).toEqual(topics.get('logs')?.messages);
        expect(await log.positions('', '')).toEqual(positions);
        await log.close();
        open = undefined;
      }
    }
  });
});

describe('padding that is none', () => {
  it('is told, and costs nothing', async () => {
    const { disk } = await shapes.copy('few messages');
    const path = fileOf(disk, /\.journal$/);
    const bytes = Buffer.from(disk.bytesOf(path));
    const starts = framesOf(disk, path);
    const number = starts.findIndex((at, index) => {
      const used = FRAME_HEADER_BYTES + bytes.readUInt32LE(at + 4) + bytes.readUInt32LE(at + 8);
      return used < (starts[index + 1] ?? 0) - at;
    });
    flipBit(disk, path, starts[number + 1]! - 1); // it has one
    const { report } = await repaired(disk);
    expect(report.findings).toMatchObject([
      { file: path, byteOffset: starts[number], what: expect.stringContaining(`the padding of frame ${number + 1}`) },
    ]);
    expect(report).toMatchObject({ lost: [], lostState: [], isWhole: true });
  });
});

describe('one wrong byte of the header of a segment', () => {
  it.each([0, 9, 12, 20, 29, 33, 41, 50])('costs nothing, also without a checkpoint: byte %i', async (byte) => {
    const { disk, topics, positions } = await shapes.copy('few messages');
    flipBit(disk, fileOf(disk, /\.journal$/), byte);
    const { report, log } = await repaired(disk);
    expect(report).toMatchObject({ lost: [], lostState: [], isWhole: true });
    for (const [topic, { messages }] of topics) expect(await readMessages(log, topic)).toEqual(messages);
    expect(await log.positions('', '')).toEqual(positions);
  });
});

describe('lost frames that a checkpoint has counted', () => {
  it('leave exactly the gaps that they held', async () => {
    const { disk, topics, positions } = await shapes.copy('restarted often');
    // Behind what is sealed, and before the checkpoint.
    const checkpoint = Number(/(\d+)\.checkpoint$/.exec(filesIn(disk, 'checkpoints').at(-1) ?? '')?.[1]);
    const inspected = segmentsOf(disk).findLast((path) => Number(/(\d+)\.journal$/.exec(path)?.[1]) < checkpoint)!; // there is one
    lose(disk, inspected, 0);
    const { report, log } = await repaired(disk);
    expect(report.lostState).toEqual([]);
    expect(await log.positions('', '')).toEqual(positions);
    for (const [topic, { messages }] of topics) {
      const stored = await readMessages(log, topic);
      const lost = report.lost.filter((range) => range.topic === topic);
      for (const { fromOffset, toOffset } of lost)
        for (let at = fromOffset; at < toOffset; at += 1) stored[at] = messages[at] ?? '';
      expect(stored).toEqual(messages);
    }
  });
});

describe('lost frames that no checkpoint has counted', () => {
  it('cost no message that a later frame has sealed', async () => {
    const { disk, topics, positions } = await shapes.copy('pieces with checksums');
    flipBit(disk, filesIn(disk, 'checkpoints').at(-1)!, 300); // there are two
    const [sealed] = segmentsOf(disk);
    lose(disk, sealed!, 100); // behind the older checkpoint
    const { report, log } = await repaired(disk);
    expect(report.lost).toEqual([]);
    expect(report.lostState[0]).toMatch(/^frame \d+ of the journal is lost/);
    for (const [topic, { messages }] of topics) expect(await readMessages(log, topic)).toEqual(messages);
    expect(await log.positions('', '')).toEqual(positions);
  });

  it('leave positions that later frames state, and no epoch of before passes', async () => {
    const { disk, positions } = await shapes.copy('few messages');
    const path = fileOf(disk, /\.journal$/);
    lose(disk, path, 4);
    const { report, log } = await repaired(disk);
    expect(report.isWhole).toBe(false);
    expect(report.lostState[0]).toMatch(/^frame 5 of the journal is lost/);
    expect(report.lostState.join()).toContain('messages behind lost frames follow on the last offset that is known');
    expect(await log.positions('', '')).toEqual(positions);
    expect(log.topic('source')?.nextOffset).toBeGreaterThanOrEqual(positions[0]?.offset ?? Infinity);
    expect(await log.advanceGroupEpoch('g')).toBeGreaterThan(1_000);
  });

  it('at the end set a group back', async () => {
    const { disk, positions, topics } = await shapes.copy('few messages');
    lose(disk, fileOf(disk, /\.journal$/), -1);
    const { report, log } = await repaired(disk);
    const [position] = await log.positions('g', 'source');
    expect(position!.revision).toBe(positions[0]!.revision - 1);
    expect(await readMessages(log, 'out.0')).toEqual(topics.get('out.0')?.messages.slice(0, -2));
    expect(await readMessages(log, 'source')).toEqual(topics.get('source')?.messages);
    expect(report.lostState.join()).toContain('group g may have moved');
  });

  it('that made a topic leave it under a name that says so', async () => {
    const { disk, topics } = await shapes.copy('few messages');
    // The second frame makes `logs`.
    lose(disk, fileOf(disk, /\.journal$/), 1);
    const { report, log } = await repaired(disk);
    expect(report.lostState).toContainEqual('the name of topic id 2; its messages are in unnamed-2');
    expect(await readMessages(log, 'unnamed-2')).toEqual(topics.get('logs')?.messages.slice(2));
  });
});

describe('a missing part', () => {
  it('that is the journal costs what it alone held', async () => {
    const { disk, topics } = await shapes.copy('many runs');
    for (const path of filesIn(disk, 'journal')) await disk.remove(path);
    const { report, log } = await repaired(disk);
    expect(report.isWhole).toBe(false);
    for (const [topic, { messages }] of topics) {
      const stored = await readMessages(log, topic);
      const kept = stored.filter((text) => !text.startsWith('{"lost')).length;
      expect(stored.slice(0, kept)).toEqual(messages.slice(0, kept));
      expect(kept).toBeGreaterThan(messages.length / 2);
    }
  });

  it('that is the checkpoints leaves what runs and the rest of the journal tell', async () => {
    const { disk, topics, positions } = await shapes.copy('many runs');
    for (const path of filesIn(disk, 'checkpoints')) await disk.remove(path);
    const { report, log } = await repaired(disk);
    expect(report.lostState.join()).toContain('no checkpoint is valid');
    expect(report.lost).toEqual([]);
    const names = ['unnamed-1', 'unnamed-2', 'unnamed-3', 'unnamed-4'];
    const found = [...topics.keys()].filter((name) => log.topic(name) !== undefined);
    expect(found.length + names.filter((name) => log.topic(name) !== undefined).length).toBe(topics.size);
    expect((await log.positions('g', ''))[0]).toMatchObject({ offset: positions[0]?.offset });
    expect(await readMessages(log, log.topic('source') === undefined ? 'unnamed-1' : 'source')).toEqual(
      topics.get('source')?.messages,
    );
  });

  it('that is both leaves the messages of the runs', async () => {
    const { disk, topics } = await shapes.copy('many runs');
    for (const path of [...filesIn(disk, 'checkpoints'), ...filesIn(disk, 'journal')]) await disk.remove(path);
    const { log } = await repaired(disk);
    const stored = await readMessages(log, 'unnamed-1');
    expect(stored.length).toBeGreaterThan(100);
    expect(stored).toEqual(topics.get('source')?.messages.slice(0, stored.length));
  });
});
