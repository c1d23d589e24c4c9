import { describe, expect, it } from '@jest/globals';
import { PRODUCER_RESULTS_KEPT } from '@pulses/broker-wire';
import type { BrokerLogFactory } from './harness';
import { append, codeOf, PRODUCER_B, publish, stamp, textsOf } from './probe';

export function describeProducers(start: BrokerLogFactory): void {
  describe('an idempotent producer', () => {
    it('gets the first result for a repeat, and nothing is stored again', async () => {
      const { log, setClock } = await start();
      setClock(5_000);
      const first = await publish(log, 'a', ['1', '2'], stamp(0));
      await publish(log, 'a', ['3'], stamp(1));
      setClock(9_000);
      expect(await publish(log, 'a', ['1', '2'], stamp(0))).toEqual({ ...first, duplicate: true });
      expect(await textsOf(log, 'a')).toEqual(['1', '2', '3']);
    });

    it('gets the first result for a repeat that comes before the first is durable', async () => {
      const { log } = await start();
      const [first, again] = await Promise.all([
        publish(log, 'a', ['1'], stamp(0)),
        publish(log, 'a', ['1'], stamp(0)),
      ]);
      expect(again).toEqual({ ...first, duplicate: true });
      expect(await textsOf(log, 'a')).toEqual(['1']);
    });

    it('gets the own result of each repeat when all that may be under way is sent again', async () => {
      const { log } = await start();
      const send = (): ReturnType<typeof publish>[] =>
        Array.from({ length: PRODUCER_RESULTS_KEPT }, (_, at) => publish(log, 'a', [`m${at}`, 'x'], stamp(at)));
      const first = await Promise.all(send());
      expect(first.map(({ baseOffset }) => baseOffset)).toEqual(first.map((_, at) => at * 2));
      expect(await Promise.all(send())).toEqual(first.map((result) => ({ ...result, duplicate: true })));
    });

    it('is refused a repeat older than the results kept, and nothing is stored again', async () => {
      const { log } = await start();
      for (let at = 0; at <= PRODUCER_RESULTS_KEPT; at += 1) await publish(log, 'a', [`m${at}`], stamp(at));
      expect(await codeOf(publish(log, 'a', ['m0'], stamp(0)))).toBe('SEQUENCE_GAP');
      expect(await publish(log, 'a', ['m1'], stamp(1))).toMatchObject({ baseOffset: 1, duplicate: true });
      expect(log.topic('a')?.nextOffset).toBe(PRODUCER_RESULTS_KEPT + 1);
    });

    it('is refused a gap, and goes on with the next sequence', async () => {
      const { log } = await start();
      await publish(log, 'a', ['1'], stamp(0));
      expect(await codeOf(publish(log, 'a', ['3'], stamp(2)))).toBe('SEQUENCE_GAP');
      expect(await codeOf(publish(log, 'a', ['2'], stamp(1)))).toBe('stored');
      expect(await textsOf(log, 'a')).toEqual(['1', '2']);
    });

    it('starts at sequence 0, unknown or in a new epoch', async () => {
      const { log } = await start();
      expect(await codeOf(publish(log, 'a', ['x'], stamp(1)))).toBe('SEQUENCE_GAP');
      await publish(log, 'a', ['1'], stamp(0));
      expect(await codeOf(publish(log, 'a', ['x'], stamp(1, 1)))).toBe('SEQUENCE_GAP');
      expect(await codeOf(publish(log, 'a', ['2'], stamp(1, 0)))).toBe('stored');
      expect(await textsOf(log, 'a')).toEqual(['1', '2']);
    });

    it('is fenced by a higher epoch', async () => {
      const { log } = await start();
      await publish(log, 'a', ['1'], stamp(0, 3));
      await publish(log, 'a', ['2'], stamp(0, 4));
      expect(await codeOf(publish(log, 'a', ['x'], stamp(1, 3)))).toBe('FENCED');
      expect(await codeOf(publish(log, 'a', ['1'], stamp(0, 3)))).toBe('FENCED');
      expect(await textsOf(log, 'a')).toEqual(['1', '2']);
    });

    it('counts one sequence over all topics, apart from other producers', async () => {
      const { log } = await start();
      expect(await codeOf(publish(log, 'a', ['1'], stamp(0)))).toBe('stored');
      expect(await codeOf(publish(log, 'b', ['2'], stamp(1)))).toBe('stored');
      expect(await codeOf(publish(log, 'a', ['3'], stamp(0, 0, PRODUCER_B)))).toBe('stored');
      expect(await codeOf(publish(log, 'b', ['4'], stamp(0, 0, PRODUCER_B)))).toBe('stored');
      expect(await textsOf(log, 'a')).toEqual(['1', '3']);
      expect(await textsOf(log, 'b')).toEqual(['2']);
    });

    it('stays fenced after it retired, until a higher epoch', async () => {
      const { log } = await start();
      await publish(log, 'a', ['1'], stamp(0, 3));
      expect(await codeOf(log.retireProducer(stamp(0).id, 2))).toBe('FENCED');
      await log.retireProducer(stamp(0).id, 3);
      await log.retireProducer(stamp(0).id, 3);
      expect(await codeOf(publish(log, 'a', ['1'], stamp(0, 3)))).toBe('FENCED');
      expect(await codeOf(publish(log, 'a', ['x'], stamp(1, 3)))).toBe('FENCED');
      expect(await publish(log, 'a', ['2'], stamp(0, 4))).toMatchObject({ baseOffset: 1, duplicate: false });
    });

    it('is fenced by a retirement that came before its first message', async () => {
      const { log } = await start();
      await log.retireProducer(PRODUCER_B, 1);
      expect(await codeOf(publish(log, 'a', ['x'], stamp(0, 1, PRODUCER_B)))).toBe('FENCED');
      expect(await codeOf(publish(log, 'a', ['1'], stamp(0, 2, PRODUCER_B)))).toBe('stored');
    });

    it('is forgotten when it was not used for long, and goes on as unknown', async () => {
      const { log, setClock } = await start();
      setClock(5_000);
      await publish(log, 'a', ['1'], stamp(0));
      await publish(log, 'a', ['2'], stamp(0, 0, PRODUCER_B));
      setClock(5_900);
      await publish(log, 'a', ['3'], stamp(1, 0, PRODUCER_B));
      setClock(5_999);
      expect(await log.expireProducers(1_000)).toBe(0);
      setClock(6_000);
      expect([await log.expireProducers(1_000), await log.expireProducers(1_000)]).toEqual([1, 0]);
      expect(await codeOf(publish(log, 'a', ['x'], stamp(1)))).toBe('SEQUENCE_GAP');
      expect(await publish(log, 'a', ['3'], stamp(1, 0, PRODUCER_B))).toMatchObject({ duplicate: true });
      expect(await codeOf(publish(log, 'a', ['4'], stamp(2, 0, PRODUCER_B)))).toBe('stored');
    });

    it('starts over no connection of before others were forgotten: it may be one of them', async () => {
      const { log, setClock } = await start();
      setClock(5_000);
      const before = log.producerEra;
      await log.append(append('a', '1'), stamp(0), before);
      await log.append(append('a', '2'), stamp(0, 0, PRODUCER_B), before);
      setClock(6_000);
      await log.append(append('a', '3'), stamp(1, 0, PRODUCER_B), before);
      await log.expireProducers(1_000);
      expect(await codeOf(log.append(append('a', '1'), stamp(0), before))).toBe('CONNECTION_LOST');
      expect(await codeOf(log.append(append('a', '4'), stamp(2, 0, PRODUCER_B), before))).toBe('stored');
      expect(await codeOf(log.append(append('a', 'new'), stamp(0, 0, 'a'.repeat(32)), log.producerEra))).toBe('stored');
      expect(await textsOf(log, 'a')).toEqual(['1', '2', '3', '4', 'new']);
    });

    it('keeps its connection when no other producer was forgotten meanwhile', async () => {
      const { log } = await start();
      const era = log.producerEra;
      await log.expireProducers(1_000);
      expect(await codeOf(log.append(append('a', '1'), stamp(0), era))).toBe('stored');
    });

    it('is refused with OVERLOADED while too many are known, until one retires or is forgotten', async () => {
      const { log, setClock } = await start({ producersMax: 2 });
      const [first, second, third, fourth] = ['1', '2', '3', '4'].map((digit) => digit.repeat(32));
      const codes = [first, second, third].map((id) => codeOf(publish(log, 'a', ['x'], stamp(0, 0, id))));
      expect(log.producersMax).toBe(2);
      expect(await Promise.all(codes)).toEqual(['stored', 'stored', 'OVERLOADED']);
      expect(log.producerCount).toBe(2);
      expect(await codeOf(publish(log, 'a', ['x'], stamp(1, 0, first)))).toBe('stored');
      await log.retireProducer(second ?? '', 0);
      expect(log.producerCount).toBe(1);
      expect(await codeOf(publish(log, 'a', ['x'], stamp(0, 0, third)))).toBe('stored');
      expect(await codeOf(publish(log, 'a', ['x'], stamp(0, 0, fourth)))).toBe('OVERLOADED');
      setClock(log.clockMs() + 10_000);
      await log.expireProducers(10_000);
      expect(log.producerCount).toBe(0);
      expect(await codeOf(publish(log, 'a', ['x'], stamp(0, 0, fourth)))).toBe('stored');
    });

    it.each([
      ['an id of other letters', { ...stamp(0), id: 'x'.repeat(32) }],
      ['a negative epoch', stamp(0, -1)],
      ['an epoch above 32 bits', stamp(0, 2 ** 32)],
      ['a fraction of a sequence', stamp(0.5)],
    ])('is refused with PROTOCOL_VIOLATION for %s', async (_, producer) => {
      const { log } = await start();
      expect(await codeOf(publish(log, 'a', ['1'], producer))).toBe('PROTOCOL_VIOLATION');
    });
  });
}
