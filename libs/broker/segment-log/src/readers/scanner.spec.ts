import { describe, expect, it } from '@jest/globals';
import { SCAN_START, topicIdOf, type ScanPlace } from '@pulses/broker-wire';
import type { OpenMode } from '@pulses/shared-ports';
import type { SegmentLog } from '../segment-log';
import { countedRunReads } from '../testing/counted-run-reads';
import { lines } from '../testing/log-fixture';
import { fill, filesIn, machine, opened, SMALL_OPTIONS, text } from '../testing/small-log';
import { DIRECTORY, settled, type Machine } from '../testing/torture-run';

const idOf = (log: SegmentLog, topic: string): number => topicIdOf(log.topic(topic)?.incarnation ?? '');

/** Texts by topic id and offset, from a place to the end. */
async function scanFrom(on: Machine, log: SegmentLog, like: string, place: ScanPlace, bytesMax: number) {
  const seen = new Map<number, Map<number, string>>();
  for (let [next, more] = [place, true]; more;) {
    const scanned = (await settled(on, log.scan(like, next, bytesMax)))!; // the power is on
    const texts = Buffer.from(scanned.payload).toString().split('\n');
    for (const [row, topicId] of scanned.topicIds.entries()) {
      const ofTopic = seen.get(topicId) ?? new Map<number, string>();
      seen.set(topicId, ofTopic);
      for (let index = 0; index < scanned.counts[row]!; index += 1)
        // equal columns
        ofTopic.set(scanned.baseOffsets[row]! + index, texts.shift()!); // equal columns, as many lines as messages
    }
    ({ next, more } = scanned);
  }
  return seen;
}

const texts = (from: number, until: number) =>
  new Map(Array.from({ length: until - from }, (_, index) => [from + index, text(from + index)]));

describe('a scan', () => {
  it('reads the topics of one kind, sealed and not', async () => {
    const on = machine();
    const log = await opened(on);
    for (let round = 0; round < 5; round += 1)
      for (const topic of ['a', 'out-1', 'b', 'out-2']) await fill(on, log, topic, 6);
    for (const [like, own] of [
      ['a', ['a', 'b']],
      ['out-of-none', ['out-1', 'out-2']],
    ] as const) {
      const expected = new Map(own.map((topic) => [idOf(log, topic), texts(0, 30)]));
      expect(await scanFrom(on, log, like, SCAN_START, 500)).toEqual(expected);
    }
    await settled(on, log.close());
  });

  it('goes on in the run when what it reads is sealed in the middle of a call', async () => {
    const on = machine();
    let onRead: (() => Promise<void>) | undefined;
    const fileSystem = {
      ...on.fileSystem,
      open: async (path: string, mode: OpenMode) => {
        const handle = await on.fileSystem.open(path, mode);
        const read: typeof handle.read = async (into, at) => {
          const act = path.includes('/journal/') ? onRead : undefined;
          if (act !== undefined) onRead = undefined;
          await act?.();
          return await handle.read(into, at);
        };
        return { ...handle, read };
      },
    };
    const log = await opened(on, { fileSystem });
    for (const topic of ['a', 'b']) await fill(on, log, topic, 5);
    const sealed = filesIn(on, 'runs').length;
    onRead = async () => {
      while (filesIn(on, 'runs').length < sealed + 3) await fill(on, log, 'c', 5);
    };
    const seen = await scanFrom(on, log, 'a', SCAN_START, 100_000);
    expect(onRead).toBeUndefined();
    for (const topic of ['a', 'b']) expect(seen.get(idOf(log, topic))).toEqual(texts(0, 5));
    await settled(on, log.close());
  });

  it('goes on with the next run from its start when the one that it was in has been dropped', async () => {
    const on = machine();
    const policy: { bytes?: number } = {};
    const log = await opened(on, { retention: () => policy });
    for (let round = 0; round < 20; round += 1) for (const topic of ['a', 'b']) await fill(on, log, topic, 2);
    let place = SCAN_START;
    while (place.topicId !== idOf(log, 'b')) place = (await settled(on, log.scan('a', place, 150)))!.next; // the power is on
    const firstRun = filesIn(on, 'runs').sort()[0];
    policy.bytes = 1_500;
    await on.clock.advance(500);
    expect(filesIn(on, 'runs')).not.toContain(firstRun);
    const seen = await scanFrom(on, log, 'a', place, 150);
    for (const topic of ['a', 'b']) {
      const { startOffset, nextOffset } = log.topic(topic)!; // published above
      expect(startOffset).toBeGreaterThan(0);
      expect(seen.get(idOf(log, topic))).toEqual(texts(startOffset, nextOffset));
    }
    await settled(on, log.close());
  });

  it('reads each byte of a run about once, whether its topics are long or short', async () => {
    const on = machine();
    const runReads = countedRunReads(on);
    const { fileSystem } = runReads;
    const options = { segmentBytesMax: 600_000, tailBytesMax: 0, openFilesMax: 4 };
    const log = await opened(on, { fileSystem, options });
    const long = Array.from({ length: 40 }, (_, at) => text(at));
    for (let round = 0; round < 100; round += 1) {
      await log.append({ topic: 'long', ...lines(...long) });
      await log.append({ topic: `short-${round}`, ...lines(...long.slice(0, 20)) });
    }
    await log.append({ topic: 'last', ...lines(...Array.from({ length: 9_000 }, () => text(0))) });
    await on.clock.advance(500);
    const [run = '', ...others] = filesIn(on, 'runs');
    expect([run === '', others]).toEqual([false, []]);
    runReads.bytes = 0;
    const seen = await scanFrom(on, log, 'long', SCAN_START, 16 * 1024);
    expect([seen.get(idOf(log, 'long'))?.size, seen.get(idOf(log, 'short-99'))?.size]).toEqual([4_000, 20]);
    const runBytes = on.fileSystem.bytesOf(`${DIRECTORY}/runs/${run}`).length;
    expect(runBytes).toBeGreaterThan(500_000);
    expect(runReads.bytes).toBeGreaterThan(0.9 * runBytes);
    expect(runReads.bytes).toBeLessThan(1.3 * runBytes);
    await settled(on, log.close());
  });

  it('gives a part of a long piece out in memory of its own, since a slow reader may keep it for long', async () => {
    const on = machine();
    const log = await opened(on, { options: { ...SMALL_OPTIONS, segmentBytesMax: 200_000 } });
    await log.append({ topic: 'long', ...lines(...Array.from({ length: 3_000 }, (_, at) => text(at))) });
    await fill(on, log, 'a', 1);
    expect(filesIn(on, 'runs')).toHaveLength(1);
    const { payload } = (await settled(on, log.scan('a', SCAN_START, 16 * 1024)))!; // the power is on
    expect(payload.length).toBeGreaterThan(15 * 1024);
    expect(payload.buffer.byteLength).toBeLessThan(2 * payload.length);
    await settled(on, log.close());
  });

  it('says JOURNAL_CORRUPT where a run is damaged, and not what it held', async () => {
    const on = machine();
    const log = await opened(on);
    for (const topic of ['a', 'b', 'a', 'b']) await fill(on, log, topic, 10);
    const [name = ''] = filesIn(on, 'runs').sort();
    const path = `${DIRECTORY}/runs/${name}`;
    const handle = await on.fileSystem.open(path, 'write');
    await handle.write(Buffer.from('y'), 64 + 300);
    await expect(scanFrom(on, log, 'a', SCAN_START, 500)).rejects.toMatchObject({
      code: 'JOURNAL_CORRUPT',
      message: expect.stringContaining(name),
    });
    await handle.close();
    await settled(on, log.close());
  });
});
