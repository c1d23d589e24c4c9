import { describe, expect, it } from '@jest/globals';
import type { BrokerLog } from '@pulses/broker-log-api';
import { columnsOf } from '@pulses/broker-wire';
import { SILENT_LOGGER, type OpenMode } from '@pulses/shared-ports';
import { publish, readMessages } from '../testing/log-fixture';
import { fill, filesIn, machine, opened, SMALL_OPTIONS, text } from '../testing/small-log';
import { DIRECTORY, settled, type Machine } from '../testing/torture-run';

/** Of a message as `fill` makes it. */
const MESSAGE_BYTES = 101;

const bytesIn = (on: Machine, folder: string): number =>
  filesIn(on, folder).reduce((sum, name) => sum + on.fileSystem.bytesOf(`${DIRECTORY}/${folder}/${name}`).length, 0);

/** A group that has read up to the offset. */
async function position(log: BrokerLog, topic: string, offset: number, expectedRevision: number): Promise<void> {
  const { incarnation } = await log.createTopic(topic);
  const groupEpoch = await log.advanceGroupEpoch('g');
  const positions = [{ name: 'p', expectedRevision, offset, metadata: '' }];
  await log.commit({ group: 'g', groupEpoch, topic, incarnation, ...columnsOf([]), positions });
}

describe('retention', () => {
  it.each([
    ['bytes', { bytes: 3_000 }],
    ['age', { ageMs: 1_000 }],
  ])('goes by %s, at the ends of runs, and never past a position', async (_, policy) => {
    const on = machine();
    const log = await opened(on, { retention: () => policy });
    await position(log, 'a', 0, 0);
    const a = await fill(on, log, 'a', 100);
    await on.clock.advance(5_000);
    expect(log.topic('a')).toMatchObject({ startOffset: 0, nextOffset: 100 });
    await position(log, 'a', 50, 1);
    await on.clock.advance(500);
    const { startOffset, bytes, incarnation } = log.topic('a')!; // made above
    expect(startOffset).toBeGreaterThan(30);
    expect(startOffset).toBeLessThanOrEqual(50);
    expect(bytes).toBe((100 - startOffset) * MESSAGE_BYTES);
    expect(await readMessages(log, 'a')).toEqual(a.slice(startOffset));
    await expect(log.read('a', incarnation, startOffset - 1, 100)).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
    });
    const info = log.topic('a');
    await settled(on, log.close());
    const after = machine(on.fileSystem.fork());
    const again = await opened(after);
    expect(again.topic('a')).toEqual(info);
    expect(await readMessages(again, 'a')).toEqual(a.slice(startOffset));
    await settled(after, again.close());
  });

  it('by bytes keeps the limit, and at most one segment more, of each topic', async () => {
    const on = machine();
    const bytes = 3_000;
    const log = await opened(on, { retention: () => ({ bytes }) });
    // The first run holds a topic that is short; the long one comes later, and never fills a segment alone.
    await fill(on, log, 'short', 5);
    for (let round = 0; round < 12; round += 1) {
      for (const topic of ['long', 'other']) await fill(on, log, topic, 8);
    }
    await on.clock.advance(200);
    expect(log.topic('short')).toMatchObject({ startOffset: 0, nextOffset: 5 });
    for (const topic of ['long', 'other']) {
      const kept = log.topic(topic)!.bytes; // published above
      expect(kept).toBeGreaterThanOrEqual(bytes);
      expect(kept).toBeLessThan(bytes + SMALL_OPTIONS.segmentBytesMax);
    }
    await settled(on, log.close());
  });

  it('keeps all of a source whose owner has its last position deleted: it reads from the start again', async () => {
    const on = machine();
    const log = await opened(on, { retention: () => ({ ageMs: 1_000 }) });
    const { incarnation } = await log.createTopic('a');
    const groupEpoch = await log.advanceGroupEpoch('g', 'a');
    const from = { group: 'g', groupEpoch, topic: 'a', incarnation };
    const positions = [{ name: 'p', expectedRevision: 0, offset: 0, metadata: '' }];
    await log.commit({ ...from, ...columnsOf([]), positions });
    await log.deletePosition({ ...from, name: 'p', expectedRevision: 1 });
    await fill(on, log, 'a', 40);
    await on.clock.advance(5_000);
    expect(log.topic('a')).toMatchObject({ startOffset: 0, nextOffset: 40 });
    await settled(on, log.close());
  });

  it('of one topic does not wait for another that a position holds', async () => {
    const on = machine();
    const log = await opened(on, { retention: () => ({ ageMs: 1_000 }) });
    await position(log, 'held', 0, 0);
    await fill(on, log, 'held', 40);
    await fill(on, log, 'free', 40);
    await on.clock.advance(5_000);
    expect(log.topic('held')).toMatchObject({ startOffset: 0, nextOffset: 40 });
    expect(log.topic('free')?.startOffset).toBeGreaterThan(30);
    await settled(on, log.close());
  });

  it('by age lets a quiet topic go when the last of its segment is old, and leaves an idle journal alone', async () => {
    const on = machine();
    const [ageMs, segmentAgeMaxMs] = [2_000, 1_000];
    const options = { ...SMALL_OPTIONS, segmentBytesMax: 100_000, segmentAgeMaxMs };
    const log = await opened(on, { options, retention: () => ({ ageMs }) });
    await publish(log, 'a', ['old']);
    await on.clock.advance(ageMs - 100);
    expect(log.topic('a')).toMatchObject({ startOffset: 0 });
    await on.clock.advance(100 + segmentAgeMaxMs + 2 * SMALL_OPTIONS.retentionIntervalMs);
    expect(log.topic('a')).toMatchObject({ startOffset: 1, nextOffset: 1, bytes: 0, firstTimestampMs: 0 });
    await on.clock.advance(5_000);
    const [segments, runs] = [filesIn(on, 'journal'), filesIn(on, 'runs')];
    await on.clock.advance(50_000);
    expect([filesIn(on, 'journal'), filesIn(on, 'runs')]).toEqual([segments, runs]);
    expect(runs).toEqual([]);
    await publish(log, 'a', ['new']);
    expect(await readMessages(log, 'a')).toEqual(['new']);
    expect(log.topic('a')?.firstTimestampMs).toBe(on.clock.nowMs());
    await settled(on, log.close());
  });

  it('tells each trim and counts it, and tells many as a sum', async () => {
    const on = machine();
    const counted: [number, number][] = [];
    const told: object[] = [];
    const log = await opened(on, {
      retention: (kind) => (kind === 1 ? { ageMs: 1_000 } : undefined),
      logger: { ...SILENT_LOGGER, info: (fields: object) => void told.push(fields) },
      metrics: { trimmed: (kind, count) => void counted.push([kind, count]) },
      options: { ...SMALL_OPTIONS, segmentAgeMaxMs: 100 },
    });
    await fill(on, log, 'a', 20);
    await fill(on, log, 'out', 20);
    await on.clock.advance(3_000);
    expect(told.filter((fields) => 'topic' in fields).length).toBe(counted.length);
    expect(told[0]).toMatchObject({ topic: 'out', fromOffset: 0 });
    const sum = (): number => counted.reduce((all, [kind, count]) => all + (kind === 1 ? count : NaN), 0);
    expect(sum()).toBe(20);
    told.length = 0;
    for (let topic = 0; topic < 150; topic += 1) await publish(log, `out-${topic}`, [text(topic)]);
    await on.clock.advance(3_000);
    expect(sum()).toBe(170);
    const many = told.filter((fields) => 'topics' in fields) as { topics: number; messages: number; bytes: number }[];
    const named = told.filter((fields) => 'topic' in fields);
    expect(many.reduce((all, { topics }) => all + topics, named.length)).toBe(150);
    await settled(on, log.close());
  });
});

describe('the space of messages that are gone', () => {
  it('comes back by whole runs when topics are deleted, also after a restart', async () => {
    const on = machine();
    const log = await opened(on);
    for (let topic = 0; topic < 50; topic += 1) await fill(on, log, `out-${topic}`, 3);
    await fill(on, log, 'out-last', 40);
    expect(bytesIn(on, 'runs')).toBeGreaterThan(50 * 3 * 100);
    await log.deleteTopics([]);
    await settled(on, log.close());
    const after = machine(on.fileSystem.fork());
    const again = await opened(after);
    expect(again.topics({ prefix: '', after: '', limit: 100 }).topics).toEqual([]);
    await after.clock.advance(200);
    expect(filesIn(after, 'runs')).toEqual([]);
    await settled(after, again.close());
  });

  it('comes back from runs that one topic keeps: each is at most twice as long as what is needed of it', async () => {
    const on = machine();
    const log = await opened(on);
    const kept: string[] = [];
    for (let round = 0; round < 10; round += 1) {
      kept.push(...(await fill(on, log, 'out-kept', 2)));
      await fill(on, log, 'out-gone', 20);
    }
    const before = bytesIn(on, 'runs');
    const runs = filesIn(on, 'runs').length;
    await log.deleteTopics(['out-gone']);
    await on.clock.advance(500);
    // A directory and its index take some 150 bytes for one topic, and 300 for two.
    expect(bytesIn(on, 'runs')).toBeLessThan(2 * kept.length * MESSAGE_BYTES + 300 * filesIn(on, 'runs').length);
    expect(bytesIn(on, 'runs')).toBeLessThan(before / 3);
    expect(filesIn(on, 'runs').length).toBeLessThanOrEqual(runs);
    expect(await readMessages(log, 'out-kept')).toEqual(kept);
    await settled(on, log.close());
    const after = machine(on.fileSystem.fork());
    const again = await opened(after);
    expect(await readMessages(again, 'out-kept')).toEqual(kept);
    await settled(after, again.close());
  });

  it('comes back beside a reader, which reads on in the file that it has open', async () => {
    const on = machine();
    let gate: PromiseWithResolvers<void> | undefined;
    let waiting = 0;
    const fileSystem = {
      ...on.fileSystem,
      open: async (path: string, mode: OpenMode) => {
        const handle = await on.fileSystem.open(path, mode);
        const read: typeof handle.read = async (into, at) => {
          // Of its directory it has read the header.
          if (at > 0 && gate !== undefined) {
            waiting += 1;
            await gate.promise;
          }
          return await handle.read(into, at);
        };
        return mode === 'read' && path.endsWith('.run') && gate !== undefined ? { ...handle, read } : handle;
      },
    };
    const log = await opened(on, { fileSystem });
    await fill(on, log, 'out-gone', 20);
    const kept = await fill(on, log, 'out-kept', 3);
    await fill(on, log, 'out-gone', 60);
    const { incarnation } = log.topic('out-kept')!; // published above
    gate = Promise.withResolvers();
    const reading = log.read('out-kept', incarnation, 0, 10_000);
    while (waiting === 0) await on.clock.advance(1);
    const { resolve } = gate;
    gate = undefined;
    const before = bytesIn(on, 'runs');
    await log.deleteTopics(['out-gone']);
    await on.clock.advance(500);
    expect(bytesIn(on, 'runs')).toBeLessThan(before / 3);
    resolve();
    const batches = (await settled(on, reading)) ?? [];
    const read = batches.map(({ payload }) => Buffer.from(payload).toString()).join('');
    expect([read.startsWith(text(0)), `${kept.join('\n')}\n`.startsWith(read)]).toEqual([true, true]);
    expect(await readMessages(log, 'out-kept')).toEqual(kept);
    await settled(on, log.close());
    expect(on.fileSystem.openHandles).toBe(0);
  });
});
