import { describe, expect, it } from '@jest/globals';
import type { BrokerLogFactory, BrokerLogSupports } from './harness';
import { change, codeOf, joinGroup, positionsOf, type TestGroup } from './probe';

const deletionOf = (
  group: string,
  { epoch, topic, incarnation }: TestGroup,
  name: string,
  expectedRevision: number,
) => ({
  group,
  groupEpoch: epoch,
  topic,
  incarnation,
  name,
  expectedRevision,
});

export function describePositionDeletion(start: BrokerLogFactory, supports: BrokerLogSupports): void {
  describe('the deletion of a position', () => {
    it('removes that one alone, and the next of its name starts at revision 1', async () => {
      const { log } = await start();
      const group = await joinGroup(log, 'g', 'source');
      await log.commit(group.request([change('p', 0, 7), change('q', 0, 8)]));
      await log.commit(group.request([change('p', 1, 9)]));
      await log.deletePosition(deletionOf('g', group, 'p', 2));
      expect(await positionsOf(log)).toMatchObject([{ name: 'q', offset: 8 }]);
      expect(await codeOf(log.commit(group.request([change('p', 2, 9)])))).toBe('POSITION_CONFLICT');
      expect(await codeOf(log.commit(group.request([change('p', 0, 3)])))).toBe('stored');
    });

    it('is refused for another epoch, revision, incarnation or name, and removes nothing', async () => {
      const { log } = await start();
      const group = await joinGroup(log, 'g', 'source');
      await log.commit(group.request([change('p', 0, 7)]));
      const refused = [
        deletionOf('g', { ...group, epoch: group.epoch + 1 }, 'p', 1),
        deletionOf('g', group, 'p', 2),
        deletionOf('g', { ...group, incarnation: 'f'.repeat(32) }, 'p', 1),
        deletionOf('g', group, 'q', 0),
        deletionOf('g', group, 'q', 1),
      ].map((deletion) => codeOf(log.deletePosition(deletion)));
      const conflict = 'POSITION_CONFLICT';
      expect(await Promise.all(refused)).toEqual(['FENCED', conflict, conflict, conflict, conflict]);
      expect(await positionsOf(log)).toMatchObject([{ name: 'p', offset: 7 }]);
    });

    it('takes its turn among requests that were not awaited', async () => {
      const { log } = await start();
      const group = await joinGroup(log, 'g', 'source');
      const results = [
        log.commit(group.request([change('p', 0, 7)])),
        log.deletePosition(deletionOf('g', group, 'p', 1)),
        log.commit(group.request([change('p', 1, 8)])),
        log.commit(group.request([change('p', 0, 9)])),
      ].map(codeOf);
      expect(await Promise.all(results)).toEqual(['stored', 'stored', 'POSITION_CONFLICT', 'stored']);
      expect(await positionsOf(log)).toMatchObject([{ name: 'p', offset: 9, revision: 1 }]);
    });

    if (!supports.restart) return;

    it('is known after a restart', async () => {
      const harness = await start();
      const group = await joinGroup(harness.log, 'g', 'source');
      await harness.log.commit(group.request([change('p', 0, 7), change('q', 0, 8)]));
      await harness.log.deletePosition(deletionOf('g', group, 'p', 1));
      expect(await positionsOf(await harness.restart())).toMatchObject([{ name: 'q', offset: 8 }]);
    });
  });
}
