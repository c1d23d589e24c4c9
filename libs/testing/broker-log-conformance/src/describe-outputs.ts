import { describe, expect, it } from '@jest/globals';
import type { BrokerLogFactory, BrokerLogSupports } from './harness';
import { append, change, codeOf, joinGroup, joinPublisher, positionsOf, publish, textsOf } from './probe';

export function describeOutputs(start: BrokerLogFactory, supports: BrokerLogSupports): void {
  describe('the outputs of a source', () => {
    it('belong to the first group that claims them at its join', async () => {
      const { log } = await start();
      const { epoch } = await joinPublisher(log, 'a', 'source');
      const refused = log.advanceGroupEpoch('b', 'source');
      expect(await codeOf(refused)).toBe('OUTPUTS_OWNED');
      await expect(refused).rejects.toThrow("'a'");
      expect(await log.advanceGroupEpoch('a', 'source')).toBe(epoch + 1);
      expect(await log.groups()).toEqual([{ group: 'a', epoch: epoch + 1, sources: ['source'] }]);
    });

    it('belong to the first group that publishes, when no group has claimed them', async () => {
      const { log } = await start();
      const [a, b] = [await joinGroup(log, 'a', 'source'), await joinGroup(log, 'b', 'source')];
      const commits = [a, b].map((group, index) =>
        log.commit(group.request([change('p', 0, 1)], append('x', `${index}`))),
      );
      expect(await Promise.all(commits.map(codeOf))).toEqual(['stored', 'OUTPUTS_OWNED']);
      expect(await codeOf(log.commit(b.request([change('p', 0, 1)], append('x', 'late'))))).toBe('OUTPUTS_OWNED');
      expect(await textsOf(log, 'x')).toEqual(['0']);
      expect(await codeOf(log.advanceGroupEpoch('b', 'source'))).toBe('OUTPUTS_OWNED');
    });

    it('leave other groups free to store positions of their own', async () => {
      const { log } = await start();
      await joinPublisher(log, 'a', 'source');
      const reader = await joinGroup(log, 'reader', 'source');
      expect(await codeOf(log.commit(reader.request([change('p', 0, 1)])))).toBe('stored');
    });

    it('of one topic say nothing about those of another', async () => {
      const { log } = await start();
      await joinPublisher(log, 'a', 'source');
      await joinPublisher(log, 'b', 'other');
      const groups = await log.groups();
      expect(groups.map(({ group, sources }) => [group, ...sources]).sort()).toEqual([
        ['a', 'source'],
        ['b', 'other'],
      ]);
    });

    it('pass with their positions to the next group when the owner is deleted', async () => {
      const { log } = await start();
      const a = await joinPublisher(log, 'a', 'source');
      await log.commit(a.request([change('p', 0, 1, 'one'), change('q', 0, 2)], append('x', '1')));
      expect(await log.deleteGroup('a')).toBe(true);
      expect([await log.deleteGroup('a'), await log.groups()]).toEqual([false, []]);
      expect(await codeOf(log.commit(a.request([change('p', 1, 2)], append('x', 'late'))))).toBe('FENCED');
      const b = await joinPublisher(log, 'b', 'source');
      expect(await positionsOf(log, 'b')).toMatchObject([
        { name: 'p', offset: 1, revision: 1, metadata: 'one' },
        { name: 'q', offset: 2, revision: 1 },
      ]);
      await log.commit(b.request([change('p', 1, 2)], append('x', '2')));
      expect(await textsOf(log, 'x')).toEqual(['1', '2']);
    });

    it('pass on, and the deleted group loses its positions on other topics', async () => {
      const { log } = await start();
      const a = await joinPublisher(log, 'a', 'source');
      await publish(log, 'other', ['1']);
      const { incarnation } = await log.createTopic('other');
      await log.commit(a.request([change('p', 0, 1)]));
      await log.commit({ ...a.request([change('p', 0, 1)]), topic: 'other', incarnation });
      await log.deleteGroup('a');
      expect(await positionsOf(log, 'a')).toEqual([]);
      expect(await positionsOf(log, '', 'other')).toEqual([]);
    });

    it('wait for a join as publisher, so that no commit starts over where the deleted owner ended', async () => {
      const { log } = await start();
      const a = await joinPublisher(log, 'a', 'source');
      await publish(log, 'source', ['1', '2']);
      await log.commit(a.request([change('p', 0, 2)], append('x', '1')));
      const b = await joinGroup(log, 'b', 'source');
      await log.deleteGroup('a');
      expect(await codeOf(log.commit(b.request([change('p', 0, 1)], append('x', 'again'))))).toBe('POSITION_CONFLICT');
      const publisher = await joinPublisher(log, 'b', 'source');
      expect(await positionsOf(log, 'b')).toMatchObject([{ name: 'p', offset: 2 }]);
      expect(await codeOf(log.commit(publisher.request([change('p', 1, 2)], append('x', '2'))))).toBe('stored');
      expect(await textsOf(log, 'x')).toEqual(['1', '2']);
    });

    it('never meet an old epoch of a group that was deleted', async () => {
      const { log } = await start();
      const old = await joinPublisher(log, 'a', 'source');
      await log.deleteGroup('a');
      const { epoch } = await joinPublisher(log, 'a', 'source');
      expect(epoch).toBeGreaterThan(old.epoch);
      expect(await codeOf(log.commit(old.request([change('p', 0, 1)])))).toBe('FENCED');
    });

    it('are free when the source is deleted and made again', async () => {
      const { log } = await start();
      await joinPublisher(log, 'a', 'source');
      await log.deleteTopics(['source']);
      expect(await codeOf(log.advanceGroupEpoch('b', 'source'))).toBe('stored');
    });

    if (!supports.restart) return;

    it('belong to the same group after a restart, or wait with their positions', async () => {
      const harness = await start();
      const a = await joinPublisher(harness.log, 'a', 'source');
      await publish(harness.log, 'source', ['1', '2']);
      await harness.log.commit(a.request([change('p', 0, 1)], append('x', '1')));
      let log = await harness.restart();
      expect(await codeOf(log.advanceGroupEpoch('b', 'source'))).toBe('OUTPUTS_OWNED');
      await log.deleteGroup('a');
      log = await harness.restart();
      const b = await joinPublisher(log, 'b', 'source');
      expect(b.epoch).toBeGreaterThan(a.epoch);
      expect(await positionsOf(log, 'b')).toMatchObject([{ name: 'p', offset: 1, revision: 1 }]);
    });
  });
}
