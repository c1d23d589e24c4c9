import { describe, expect, it } from '@jest/globals';
import type { BrokerLog } from '@pulses/broker-log-api';
import type { BrokerLogFactory } from './harness';
import { codeOf, publish, readFrom } from './probe';

/** Messages of 1 to 300 bytes, in appends of 1 to 40. */
async function fill(log: BrokerLog): Promise<string[]> {
  const expected: string[] = [];
  for (let round = 0; round < 20; round += 1) {
    const messages = Array.from({ length: 1 + ((round * 7) % 40) }, (_, index) =>
      `${round}-${index}-`.padEnd(1 + ((round * 31 + index * 17) % 300), 'x'),
    );
    expected.push(...messages);
    await publish(log, 'a', messages);
  }
  return expected;
}

export function describeReads(start: BrokerLogFactory): void {
  describe.each([
    ['at once', false],
    ['after the background work', true],
  ])('read, %s,', (_, isSettled) => {
    it('starts at any offset and reads on to the high watermark', async () => {
      const { log, settle } = await start();
      const expected = await fill(log);
      if (isSettled) await settle();
      for (let from = 0; from <= expected.length; from += 13) {
        const messages = await readFrom(log, 'a', from);
        expect(messages.map(({ text }) => text)).toEqual(expected.slice(from));
        expect(messages.map(({ offset }) => offset)).toEqual(expected.slice(from).map((__, index) => from + index));
      }
    });

    it.each([1, 100, 1_000, 10_000])('gives at most %i bytes, yet at least one message', async (bytesMax) => {
      const { log, settle } = await start();
      const expected = await fill(log);
      if (isSettled) await settle();
      // Fails when one read is above the limit and holds more than one message.
      expect((await readFrom(log, 'a', 0, bytesMax)).map(({ text }) => text)).toEqual(expected);
    });

    it('gives each message the timestamp of its append', async () => {
      const { log, setClock, settle } = await start();
      const expected: [string, number][] = [];
      for (let at = 0; at < 10; at += 1) {
        setClock(1_000 + at * 10);
        const { timestampMs } = await publish(log, 'a', [`${at}`, `${at}.5`]);
        expected.push([`${at}`, timestampMs], [`${at}.5`, timestampMs]);
      }
      if (isSettled) await settle();
      expect((await readFrom(log, 'a', 0)).map(({ text, timestampMs }) => [text, timestampMs])).toEqual(expected);
      expect(expected.map(([, timestampMs]) => timestampMs)).toEqual(expected.map((__, at) => 1_000 + (at >> 1) * 10));
    });

    it('gives nothing at the high watermark, and refuses what is outside with OFFSET_OUT_OF_RANGE', async () => {
      const { log, settle } = await start();
      await publish(log, 'a', ['1', '2']);
      if (isSettled) await settle();
      const incarnation = log.topic('a')?.incarnation ?? '';
      expect(await log.read('a', incarnation, 2, 100)).toEqual([]);
      for (const offset of [3, -1, 0.5, Number.NaN]) {
        expect(await codeOf(log.read('a', incarnation, offset, 100))).toBe('OFFSET_OUT_OF_RANGE');
      }
    });

    it('refuses an unknown topic and another incarnation with TOPIC_UNKNOWN', async () => {
      const { log, settle } = await start();
      await publish(log, 'a', ['1']);
      if (isSettled) await settle();
      const incarnation = log.topic('a')?.incarnation ?? '';
      expect(await codeOf(log.read('absent', incarnation, 0, 100))).toBe('TOPIC_UNKNOWN');
      expect(await codeOf(log.read('a', '0'.repeat(32), 0, 100))).toBe('TOPIC_UNKNOWN');
    });

    it('gives bytes that later appends leave alone', async () => {
      const { log, settle } = await start();
      await publish(log, 'a', ['first']);
      if (isSettled) await settle();
      const [batch] = await log.read('a', log.topic('a')?.incarnation ?? '', 0, 100);
      for (let at = 0; at < 50; at += 1) await publish(log, 'a', ['x'.repeat(1_000)]);
      await settle();
      expect(Buffer.from(batch?.payload ?? []).toString()).toBe('first\n');
    });
  });

  describe('the clock of the log', () => {
    it('never runs backwards, and follows the wall clock forward', async () => {
      const { log, setClock } = await start();
      const times: number[] = [];
      for (const wallMs of [5_000, 9_000, 1_000, 8_999, 9_001, 2_000, 20_000]) {
        setClock(wallMs);
        times.push((await publish(log, wallMs % 2 === 0 ? 'a' : 'b', ['1'])).timestampMs, log.clockMs());
      }
      expect(times).toEqual([5, 5, 9, 9, 9, 9, 9, 9, 9.001, 9.001, 9.001, 9.001, 20, 20].map((s) => s * 1_000));
    });

    it('gives a reader no time later than that of a message which becomes visible after', async () => {
      const { log, setClock } = await start();
      for (let at = 0; at < 20; at += 1) {
        setClock(1_000 * at + 1_000);
        const calls = [publish(log, 'a', ['1']), publish(log, 'b', ['1'])];
        await Promise.resolve();
        setClock(1_000 * at + 1_500);
        const headMs = log.clockMs();
        for (const { timestampMs } of await Promise.all(calls)) expect(timestampMs).toBeGreaterThanOrEqual(headMs);
      }
    });
  });
}
