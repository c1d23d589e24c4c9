import { describe, expect, it } from '@jest/globals';
import type { BrokerLogFactory } from './harness';
import { append, change, codeOf, joinGroup, namesOf, positionsOf, publish, readFrom, stamp, textsOf } from './probe';

export function describeRestarts(start: BrokerLogFactory): void {
  describe('a log that is opened again', () => {
    it('has the topics and messages of before, and goes on behind them', async () => {
      const harness = await start();
      await publish(harness.log, 'a', ['1', '2']);
      await publish(harness.log, 'b', ['x']);
      await harness.log.createTopic('empty');
      const before = harness.log.topics({ prefix: '', after: '', limit: 10 });
      const messages = await readFrom(harness.log, 'a', 0);
      const log = await harness.restart();
      expect(log.topics({ prefix: '', after: '', limit: 10 })).toEqual(before);
      expect(await readFrom(log, 'a', 0)).toEqual(messages);
      expect(await publish(log, 'a', ['3'])).toMatchObject({ baseOffset: 2 });
      expect(await textsOf(await harness.restart(), 'a', 1)).toEqual(['1', '2', '3']);
    });

    it('knows producers, retired ones too', async () => {
      const harness = await start();
      const first = await publish(harness.log, 'a', ['1'], stamp(0, 2));
      await publish(harness.log, 'a', ['2'], stamp(1, 2));
      await harness.log.retireProducer('f'.repeat(32), 5);
      const log = await harness.restart();
      expect(await publish(log, 'a', ['1'], stamp(0, 2))).toEqual({ ...first, duplicate: true });
      expect(await codeOf(publish(log, 'a', ['x'], stamp(0, 1)))).toBe('FENCED');
      expect(await codeOf(publish(log, 'a', ['x'], stamp(3, 2)))).toBe('SEQUENCE_GAP');
      expect(await codeOf(publish(log, 'a', ['x'], stamp(0, 5, 'f'.repeat(32))))).toBe('FENCED');
      expect(await codeOf(publish(log, 'a', ['3'], stamp(2, 2)))).toBe('stored');
      expect(await textsOf(log, 'a')).toEqual(['1', '2', '3']);
    });

    it('knows when producers were last used, and does not know those that it has forgotten', async () => {
      const harness = await start();
      harness.setClock(5_000);
      await publish(harness.log, 'a', ['1'], stamp(0));
      harness.setClock(5_500);
      await publish(harness.log, 'a', ['2'], stamp(0, 0, 'f'.repeat(32)));
      const log = await harness.restart();
      harness.setClock(6_000);
      expect(await log.expireProducers(1_000)).toBe(1);
      const again = await harness.restart();
      expect(await codeOf(publish(again, 'a', ['x'], stamp(1)))).toBe('SEQUENCE_GAP');
      expect(await publish(again, 'a', ['2'], stamp(0, 0, 'f'.repeat(32)))).toMatchObject({ duplicate: true });
    });

    it('knows positions and group epochs', async () => {
      const harness = await start();
      const group = await joinGroup(harness.log, 'g', 'source');
      await harness.log.commit(group.request([change('p', 0, 7, 'seven')], append('x', '1')));
      const before = await positionsOf(harness.log);
      const log = await harness.restart();
      expect(await positionsOf(log)).toEqual(before);
      expect(await codeOf(log.commit(group.request([change('p', 0, 8)])))).toBe('POSITION_CONFLICT');
      expect(await codeOf(log.commit(group.request([change('p', 1, 8)])))).toBe('stored');
      expect(await log.advanceGroupEpoch('g')).toBe(group.epoch + 1);
      expect(await codeOf(log.commit(group.request([change('p', 2, 9)])))).toBe('FENCED');
    });

    it('has no topic that was deleted, and none of its positions', async () => {
      const harness = await start();
      const group = await joinGroup(harness.log, 'g', 'source');
      await harness.log.commit(group.request([change('p', 0, 1)], append('x', '1')));
      await harness.log.deleteTopics(['source']);
      const log = await harness.restart();
      expect([namesOf(log), await positionsOf(log)]).toEqual([['x'], []]);
      const { incarnation } = await log.createTopic('source');
      expect(incarnation).not.toBe(group.incarnation);
      expect(await codeOf(log.read('source', group.incarnation, 0, 100))).toBe('TOPIC_UNKNOWN');
    });

    it('gives no time earlier than any of before', async () => {
      const harness = await start();
      harness.setClock(5_000);
      await publish(harness.log, 'a', ['1']);
      harness.setClock(9_000);
      const headMs = harness.log.clockMs();
      harness.setClock(1_000);
      const log = await harness.restart();
      expect(log.clockMs()).toBeGreaterThanOrEqual(headMs);
      expect((await publish(log, 'b', ['1'])).timestampMs).toBeGreaterThanOrEqual(headMs);
    });
  });
}
