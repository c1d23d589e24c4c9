import { describe, expect, it } from '@jest/globals';
import type { BrokerLog, ExpiredGroup } from '@pulses/broker-log-api';
import type { BrokerLogFactory, BrokerLogSupports } from './harness';
import { append, change, codeOf, joinGroup, joinPublisher, positionsOf } from './probe';

const START_MS = 10_000;
const IDLE_MS = 1_000;

const expire = (log: BrokerLog, ...members: readonly string[]): Promise<ExpiredGroup[]> =>
  log.expireGroups(IDLE_MS, (group) => members.includes(group));

const namesOf = async (groups: Promise<readonly { group: string }[]>): Promise<string[]> =>
  (await groups).map(({ group }) => group).sort();

export function describeExpiry(start: BrokerLogFactory, supports: BrokerLogSupports): void {
  describe('an idle group', () => {
    it('expires with its positions, and is told with them', async () => {
      const { log, setClock } = await start();
      setClock(START_MS);
      const reader = await joinGroup(log, 'reader', 'source');
      await log.commit(reader.request([change('p', 0, 7, 'seven')]));
      setClock(START_MS + IDLE_MS - 1);
      expect(await expire(log)).toEqual([]);
      setClock(START_MS + IDLE_MS);
      expect(await expire(log)).toMatchObject([
        { group: 'reader', lastUsedMs: START_MS, positions: [{ topic: 'source', name: 'p', offset: 7 }] },
      ]);
      expect([await log.groups(), await positionsOf(log), await expire(log)]).toEqual([[], [], []]);
    });

    it('has its idle time start again with each join and each position', async () => {
      const { log, setClock } = await start();
      setClock(START_MS);
      const reader = await joinGroup(log, 'reader', 'source');
      await log.advanceGroupEpoch('joiner');
      setClock(START_MS + IDLE_MS - 1);
      await log.commit(reader.request([change('p', 0, 7)]));
      await log.advanceGroupEpoch('joiner');
      setClock(START_MS + IDLE_MS + 1);
      expect(await expire(log)).toEqual([]);
      setClock(START_MS + 2 * IDLE_MS);
      expect(await namesOf(expire(log))).toEqual(['joiner', 'reader']);
    });

    it('has its idle time start again with the deletion of a position', async () => {
      const { log, setClock } = await start();
      setClock(START_MS);
      const { epoch: groupEpoch, topic, incarnation, request } = await joinGroup(log, 'reader', 'source');
      await log.commit(request([change('p', 0, 7)]));
      setClock(START_MS + IDLE_MS - 1);
      await log.deletePosition({ group: 'reader', groupEpoch, topic, incarnation, name: 'p', expectedRevision: 1 });
      setClock(START_MS + IDLE_MS + 1);
      expect(await expire(log)).toEqual([]);
      setClock(START_MS + 2 * IDLE_MS);
      expect(await namesOf(expire(log))).toEqual(['reader']);
    });

    it('stays while it owns the outputs of a source, and goes once the source is gone', async () => {
      const { log, setClock } = await start();
      setClock(START_MS);
      const a = await joinPublisher(log, 'a', 'source');
      await log.commit(a.request([change('p', 0, 1)], append('x', '1')));
      setClock(START_MS + 10 * IDLE_MS);
      expect(await expire(log)).toEqual([]);
      expect(await codeOf(log.advanceGroupEpoch('b', 'source'))).toBe('OUTPUTS_OWNED');
      await log.deleteTopics(['source']);
      expect(await namesOf(expire(log))).toEqual(['a']);
    });

    it('leaves positions alone that a deleted owner has left', async () => {
      const { log, setClock } = await start();
      setClock(START_MS);
      const a = await joinPublisher(log, 'a', 'source');
      await log.commit(a.request([change('p', 0, 1)], append('x', '1')));
      await log.deleteGroup('a');
      setClock(START_MS + 10 * IDLE_MS);
      expect(await expire(log)).toEqual([]);
      await joinPublisher(log, 'b', 'source');
      expect(await positionsOf(log, 'b')).toMatchObject([{ name: 'p', offset: 1, revision: 1 }]);
    });

    it('stays while it has a member, and for at least half the time afterwards', async () => {
      const { log, setClock } = await start();
      setClock(START_MS);
      const { epoch } = await joinGroup(log, 'reader', 'source');
      for (let half = 1; half <= 6; half += 1) {
        setClock(START_MS + (half * IDLE_MS) / 2);
        expect(await expire(log, 'reader')).toEqual([]);
      }
      setClock(START_MS + 3.4 * IDLE_MS);
      expect(await expire(log)).toEqual([]);
      expect(await log.groups()).toMatchObject([{ group: 'reader', epoch }]);
      setClock(START_MS + 4 * IDLE_MS);
      expect(await namesOf(expire(log))).toEqual(['reader']);
    });

    it('is asked for a member when the changes before are stored', async () => {
      const { log, setClock } = await start();
      setClock(START_MS);
      await joinGroup(log, 'reader', 'source');
      setClock(START_MS + IDLE_MS);
      const [, expired] = await Promise.all([log.advanceGroupEpoch('reader'), expire(log)]);
      expect(expired).toEqual([]);
    });

    it('does not come back: an old member of it is fenced, and a new one starts at the first message', async () => {
      const { log, setClock } = await start();
      setClock(START_MS);
      const old = await joinGroup(log, 'reader', 'source');
      await log.commit(old.request([change('p', 0, 7)]));
      setClock(START_MS + IDLE_MS);
      await expire(log);
      expect(await codeOf(log.commit(old.request([change('p', 1, 8)])))).toBe('FENCED');
      const fresh = await joinGroup(log, 'reader', 'source');
      expect(fresh.epoch).toBeGreaterThan(old.epoch);
      expect(await codeOf(log.commit(old.request([change('p', 0, 8)])))).toBe('FENCED');
      expect(await codeOf(log.commit(fresh.request([change('p', 0, 1)])))).toBe('stored');
    });

    if (!supports.restart) return;

    it('is as idle after a restart as before, and stays away once it has expired', async () => {
      const harness = await start();
      harness.setClock(START_MS);
      await joinGroup(harness.log, 'early', 'source');
      harness.setClock(START_MS + IDLE_MS / 2);
      await joinGroup(harness.log, 'late', 'source');
      const log = await harness.restart();
      harness.setClock(START_MS + IDLE_MS);
      expect(await expire(log)).toMatchObject([{ group: 'early', lastUsedMs: START_MS }]);
      const again = await harness.restart();
      expect(await namesOf(again.groups())).toEqual(['late']);
      harness.setClock(START_MS + 1.5 * IDLE_MS);
      expect(await namesOf(expire(again))).toEqual(['late']);
    });
  });
}
