import { describe, expect, it } from '@jest/globals';
import type { BrokerLog } from '@pulses/broker-log-api';
import { SCAN_START, topicIdOf, type ScanPlace } from '@pulses/broker-wire';
import type { BrokerLogFactory } from './harness';
import { publish } from './probe';

const TOPICS = ['b', 'a', 'long', 'c'];

/** Small topics and a long one, in turns; answers the messages by topic. */
async function fill(log: BrokerLog, rounds: number): Promise<Map<string, string[]>> {
  const written = new Map<string, string[]>(TOPICS.map((topic) => [topic, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const [topic, texts] of written) {
      const count = topic === 'long' ? 40 : round % 3;
      const from = texts.length;
      const messages = Array.from({ length: count }, (_, index) =>
        `${topic}${from + index}-`.padEnd(10 + 20 * (index % 5), 'x'),
      );
      texts.push(...messages);
      if (count > 0) await publish(log, topic, messages);
    }
  }
  return written;
}

interface Scan {
  /** By topic id: the messages, each once. */
  readonly texts: ReadonlyMap<number, string[]>;
  readonly steps: number;
}

/**
 * Scans to the end.
 * @param between called after each step
 * @throws Error when a topic's messages have a gap, or a row does not hold what it says
 */
async function scanAll(
  log: BrokerLog,
  bytesMax: number,
  between: (step: number) => Promise<void> = () => Promise.resolve(),
): Promise<Scan> {
  const texts = new Map<number, string[]>();
  let [place, steps]: [ScanPlace, number] = [SCAN_START, 0];
  for (let more = true; more; steps += 1) {
    const {
      topicIds,
      baseOffsets,
      counts,
      lengths,
      payload,
      next,
      more: goesOn,
    } = await log.scan('a', place, bytesMax);
    const count = counts.reduce((sum, each) => sum + each, 0);
    if (payload.length > bytesMax && count > 1) throw new Error(`${payload.length} bytes in ${count} messages`);
    let at = 0;
    for (const [row, topicId] of topicIds.entries()) {
      const known = texts.get(topicId) ?? [];
      texts.set(topicId, known);
      const rows = Buffer.from(payload.subarray(at, at + lengths[row]!)).toString(); // equal columns
      at += lengths[row]!; // equal columns
      const lines = rows.split('\n').slice(0, -1);
      const baseOffset = baseOffsets[row]!; // equal columns
      if (lines.length !== counts[row] || baseOffset > known.length)
        throw new Error(`${lines.length} of ${counts[row]} messages from ${baseOffset} after ${known.length}`);
      for (const [index, line] of lines.entries()) known[baseOffset + index] ??= line;
    }
    [place, more] = [next, goesOn];
    await between(steps);
  }
  return { texts, steps };
}

const idOf = (log: BrokerLog, topic: string): number => topicIdOf(log.topic(topic)?.incarnation ?? '');
const byId = (log: BrokerLog, written: ReadonlyMap<string, string[]>) =>
  new Map([...written].map(([topic, texts]) => [idOf(log, topic), texts]));

export function describeScans(start: BrokerLogFactory): void {
  describe.each([
    ['at once', false],
    ['after the background work', true],
  ])('scan, %s,', (_, isSettled) => {
    it.each([1, 300, 5_000, 1 << 20])(
      'gives every message of all topics, about %i bytes at a time',
      async (bytesMax) => {
        const { log, settle } = await start();
        const written = await fill(log, 12);
        if (isSettled) await settle();
        const { texts, steps } = await scanAll(log, bytesMax);
        expect(texts).toEqual(byId(log, written));
        expect(steps > 10).toBe(bytesMax < 1_000);
      },
    );

    it('leaves out topics that were deleted, also meanwhile, and keeps what was made again apart', async () => {
      const { log, settle } = await start();
      const written = await fill(log, 6);
      if (isSettled) await settle();
      const ids = byId(log, written);
      const [gone, again] = [idOf(log, 'b'), idOf(log, 'c')];
      await log.deleteTopics(['b', 'c']);
      await publish(log, 'c', ['new']);
      ids.delete(gone);
      ids.delete(again);
      ids.set(idOf(log, 'c'), ['new']);
      expect((await scanAll(log, 300)).texts).toEqual(ids);
      const { texts } = await scanAll(log, 300, async (step) => {
        if (step === 2) await log.deleteTopics(['long']);
      });
      for (const topic of ['a', 'c']) expect(texts.get(idOf(log, topic))).toEqual(ids.get(idOf(log, topic)));
    });

    it('goes on where it was while topics grow and what it reads is stored elsewhere', async () => {
      const { log, settle } = await start();
      const written = await fill(log, 8);
      if (isSettled) await settle();
      const expected = byId(log, written);
      const { texts } = await scanAll(log, 300, async (step) => {
        if (step > 12) return;
        for (const topic of TOPICS) await publish(log, topic, [`later ${topic} ${step}`.padEnd(200, 'x')]);
        if (step % 4 === 3) await settle();
      });
      for (const [id, messages] of expected) expect(texts.get(id)?.slice(0, messages.length)).toEqual(messages);
    });
  });

  it('takes any place for the start that is none of its own', async () => {
    const { log, settle } = await start();
    await fill(log, 12);
    await settle();
    for (const lsn of [0, 5, Number.MAX_SAFE_INTEGER])
      for (const topicId of [0, 3, 0xffff_ffff]) {
        const { lengths, payload } = await log.scan('a', { lsn, topicId, offset: 7 }, 1_000);
        expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(payload.length);
      }
  });
}
