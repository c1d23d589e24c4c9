import { describe, expect, it } from '@jest/globals';
import { SCAN_START, topicIdOf } from '@pulses/broker-wire';
import { isPulsesError } from '@pulses/shared-errors';
import { SCALE } from '@pulses/testing-scale';
import { createSimFileSystem, createSimRandom, settle } from '@pulses/testing-sim';
import type { OpenMode } from '@pulses/shared-ports';
import type { SegmentLog } from '../segment-log';
import { publish } from '../testing/log-fixture';
import { kindOfSmall, opened, SMALL_OPTIONS } from '../testing/small-log';
import { Violation } from '../testing/torture-checks';
import { violationsOf } from '../testing/torture-lives';
import { machineOn, settled, type Machine } from '../testing/torture-run';
import { sizes } from '../testing/torture-sizes';

const TOPICS = ['a', 'b', 'out', 'out-brief'];
const STEPS = 150;

/** A machine on which every read takes a while, so that files are sealed, retired, dropped and written again meanwhile. */
function slowReads(seed: number): Machine {
  const random = createSimRandom(seed);
  const journalMode = seed % 2 === 0 ? 'append' : 'recycled';
  return machineOn(createSimFileSystem({ seed }), random, undefined, journalMode);
}

async function openSlow(on: Machine): Promise<SegmentLog> {
  const wait = (): Promise<void> =>
    new Promise((resolve) => on.clock.setTimer(Math.floor(on.random.fraction() ** 3 * 200), resolve));
  const fileSystem = {
    ...on.fileSystem,
    open: async (path: string, mode: OpenMode) => {
      const handle = await on.fileSystem.open(path, mode);
      if (mode !== 'read') return handle;
      const read: typeof handle.read = async (into, position) => {
        await wait();
        return await handle.read(into, position);
      };
      return { ...handle, read };
    },
  };
  const retention = (kind: number): { bytes: number } | undefined => (kind === 0 ? { bytes: 1_500 } : undefined);
  const options = { ...SMALL_OPTIONS, journalMode: on.journalMode, tailBytesMax: 600 };
  return await settledOn(on, opened(on, { fileSystem, retention, options }));
}

async function settledOn<T>(on: Machine, promise: Promise<T>): Promise<T> {
  const result = await settled(on, promise);
  if (result === undefined) throw new Violation('the power is on');
  return result;
}

/** @throws Violation when a read gives anything but what was stored, or fails without a reason */
async function readAtRandom(seed: number): Promise<void> {
  const on = slowReads(seed);
  const log = await openSlow(on);
  const below = (count: number): number => Math.floor(on.random.fraction() * count);
  /** All messages since an incarnation was made. */
  const stored = new Map<string, string[]>();
  const reads: Promise<void>[] = [];
  const read = async (topic: string): Promise<void> => {
    const info = log.topic(topic);
    if (info === undefined) return;
    const from = info.startOffset + below(info.nextOffset - info.startOffset + 1);
    try {
      let offset = from;
      const batches = await log.read(topic, info.incarnation, from, 1 + below(900));
      // It may have looked again, and found what came meanwhile.
      const messages = stored.get(info.incarnation) ?? [];
      for (const batch of batches) {
        const lines = Buffer.from(batch.payload).toString().split('\n').slice(0, -1);
        const isRight = batch.baseOffset === offset && lines.length === batch.recordCount;
        if (!isRight || lines.some((line, index) => messages[offset + index] !== line)) {
          throw new Violation(`${topic} from ${from} at ${offset}: ${lines.join().slice(0, 60)}`);
        }
        offset += lines.length;
      }
    } catch (error) {
      const now = log.topic(topic);
      const isGone = now?.incarnation !== info.incarnation;
      if (isGone && isPulsesError(error, 'TOPIC_UNKNOWN')) return;
      if (!isGone && now.startOffset > from && isPulsesError(error, 'OFFSET_OUT_OF_RANGE')) return;
      throw error instanceof Violation ? error : new Violation(`${topic} from ${from}: ${String(error)}`);
    }
  };
  /** Scans one kind to its end: each message that was there when it began, and still is, has come. */
  const scan = async (like: string): Promise<void> => {
    const wanted = TOPICS.flatMap((topic) => log.topic(topic) ?? []).filter(
      ({ topic }) => kindOfSmall(topic) === kindOfSmall(like),
    );
    const seen = new Map<string, Set<number>>();
    for (const { incarnation } of wanted) seen.set(incarnation, new Set());
    const incarnationOf = new Map([...stored.keys()].map((incarnation) => [topicIdOf(incarnation), incarnation]));
    let place = SCAN_START;
    for (let more = true; more;) {
      const { topicIds, baseOffsets, counts, lengths, payload, ...rest } = await log.scan(like, place, 1 + below(900));
      let at = 0;
      for (const [row, topicId] of topicIds.entries()) {
        const [offset, length] = [baseOffsets[row]!, lengths[row]!]; // equal columns
        const lines = Buffer.from(payload)
          .toString('latin1', at, at + length)
          .split('\n')
          .slice(0, -1);
        at += length;
        const incarnation = incarnationOf.get(topicId);
        // One that was made meanwhile.
        if (incarnation === undefined) continue;
        const messages = stored.get(incarnation) ?? [];
        if (lines.length !== counts[row] || lines.some((line, index) => messages[offset + index] !== line))
          throw new Violation(`${topicId} at ${offset}: ${lines.join().slice(0, 60)}`);
        for (const index of lines.keys()) seen.get(incarnation)?.add(offset + index);
      }
      ({ next: place, more } = rest);
    }
    for (const { topic, incarnation, nextOffset } of wanted) {
      const now = log.topic(topic);
      if (now?.incarnation !== incarnation) continue;
      for (let offset = now.startOffset; offset < nextOffset; offset += 1)
        if (!seen.get(incarnation)!.has(offset)) throw new Violation(`${topic} at ${offset} was left out`); // one of `wanted`
    }
  };
  for (let step = 0; step < STEPS; step += 1) {
    const topic = TOPICS[below(TOPICS.length)]!; // below the length
    const texts = Array.from({ length: 1 + below(4) }, (_, index) => `${step}.${index}-`.padEnd(20 + below(200), 'y'));
    const sent = publish(log, topic, texts);
    await settledOn(on, sent);
    const { incarnation } = log.topic(topic)!; // published just now
    stored.set(incarnation, [...(stored.get(incarnation) ?? []), ...texts]);
    for (let count = below(4); count > 0; count -= 1) reads.push(read(TOPICS[below(TOPICS.length)]!)); // below the length
    if (step % 20 === 0) reads.push(scan('a'), scan('out'));
    if (step % 40 === 39) await settledOn(on, log.deleteTopics(['out-brief']));
    await on.clock.advance(below(30));
  }
  await settledOn(on, Promise.all(reads));
  await settle();
  await settledOn(
    on,
    log.close().then(() => true),
  );
  if (on.fileSystem.openHandles > 0) throw new Violation(`${on.fileSystem.openHandles} files stay open`);
}

describe(`slow readers (${SCALE.note})`, () => {
  it(
    'get what was stored, or are told what has gone, whatever becomes of the files meanwhile',
    async () => {
      expect(await violationsOf(SCALE.seeds(sizes.slowReaders), readAtRandom)).toEqual([]);
    },
    sizes.timeoutMs,
  );
});
