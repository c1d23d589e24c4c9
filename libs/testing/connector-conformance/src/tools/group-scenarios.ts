// What tools see and change of groups and their positions.

import { describe, expect, it } from '@jest/globals';
import type { PositionName } from '@pulses/connector-api';
import { isPulsesError } from '@pulses/shared-errors';
import { commitOf, failureOf } from '../session-probe';
import { keyOf, payloadOf, type ToolsSuite } from './tools-suite';

const LINES = ['k 0', 'k 1', 'k 2', 'k 3'];
const NOTHING = new Uint8Array(0);

export function describeGroups(suite: ToolsSuite): void {
  /** Stores a position `grouped` at the second message; answers it as tools name it. */
  async function committed(): Promise<PositionName> {
    await suite.publish(LINES);
    const session = await suite.session();
    const offset = session.startOffset + 1;
    await session.commit(commitOf(['t'], 'line', { offset, metadata: '' }));
    await session.close();
    const admin = await suite.connect();
    const group = admin.groupOf('conformance', suite.topic);
    const { partition } = session.source;
    return { group, topic: suite.topic, name: 'grouped', ...(partition === undefined ? {} : { partition }) };
  }

  describe('groups', () => {
    it('are listed with the sources whose outputs they own, and their positions', async () => {
      const position = await committed();
      const admin = await suite.connect();
      const groups = await admin.groups();
      const group = groups.find((one) => one.group === position.group);
      expect(group?.sources).toContain(suite.topic);
      const stored = (await admin.positions(suite.topic)).find(({ name }) => name === 'grouped');
      const { startOffset, incarnation } = await suite.filled(admin);
      expect(stored).toMatchObject({ ...position, offset: startOffset + 1, incarnation });
      expect((await admin.positions('')).filter(({ topic }) => topic === suite.topic)).toEqual(
        await admin.positions(suite.topic),
      );
    });

    it('start where a position was moved to', async () => {
      const position = await committed();
      const admin = await suite.connect();
      const { startOffset } = await suite.filled(admin);
      const before = await admin.movePosition(position, startOffset + 3);
      expect(before).toMatchObject({ ...position, offset: startOffset + 1 });
      const session = await suite.session();
      expect(session.positions.get('grouped')).toEqual({ offset: startOffset + 3, metadata: '' });
    });

    it('start without a position that was deleted', async () => {
      const position = await committed();
      const admin = await suite.connect();
      expect(await admin.deletePosition(position)).toMatchObject(position);
      expect((await admin.positions(suite.topic)).filter(({ name }) => name === 'grouped')).toEqual([]);
      expect((await suite.session()).positions.get('grouped')).toBeUndefined();
    });

    it('keep their positions while a member is active', async () => {
      const position = await committed();
      const session = await suite.session();
      const admin = await suite.connect();
      for (const change of [admin.movePosition(position, 0), (await suite.connect()).deletePosition(position)])
        expect(isPulsesError(await failureOf(change), 'GROUP_ACTIVE')).toBe(true);
      const deleted = (await suite.connect()).deleteGroup(position.group);
      expect(isPulsesError(await failureOf(deleted), 'GROUP_ACTIVE')).toBe(true);
      const offset = session.startOffset + 2;
      await session.commit(commitOf(['t'], 'line', { offset, metadata: '' }));
    });

    it('change no position that does not exist', async () => {
      const position = await committed();
      const admin = await suite.connect();
      expect(await admin.movePosition({ ...position, name: 'nosuch' }, 0)).toBeUndefined();
      expect(await admin.deletePosition({ ...position, name: 'nosuch' })).toBeUndefined();
      expect(await admin.movePosition({ ...position, group: 'nosuch' }, 0)).toBeUndefined();
      expect((await admin.groups()).some(({ group }) => group === 'nosuch')).toBe(false);
    });

    it('are gone once deleted', async () => {
      const { group } = await committed();
      const admin = await suite.connect();
      expect(await admin.deleteGroup(group)).toBe(true);
      expect((await admin.groups()).some((one) => one.group === group)).toBe(false);
      expect(await admin.deleteGroup(group)).toBe(false);
    });
  });

  describe('a marked publisher', () => {
    it('stores messages and marks together, and finds the marks again', async () => {
      const admin = await suite.connect();
      const letters = `${suite.topic}.letters`;
      await suite.publish(['k first']);
      await suite.publish(['k letter'], letters);
      const group = admin.groupOf('redrive', letters);
      const options = { group, marked: await suite.filled(admin, letters), topic: suite.topic, keyOf };
      const first = await admin.openMarkedPublisher(options);
      expect(first.positions).toEqual([]);
      const mark = { name: 'letters 0', expectedRevision: 0, offset: 1, metadata: 'AAAA' };
      await first.publish(payloadOf(['k again']), 1, [mark]);
      await first.publish(NOTHING, 0, [{ ...mark, expectedRevision: 1, metadata: 'BBBB' }]);
      await first.close();
      const second = await (await suite.connect()).openMarkedPublisher(options);
      expect(second.positions).toMatchObject([{ name: 'letters 0', offset: 1, metadata: 'BBBB' }]);
      await second.close();
      expect((await suite.stored(admin)).map(({ text }) => text)).toEqual(['k first', 'k again']);
    });
  });

  it('deletes the source and its outputs', async () => {
    await committed();
    const admin = await suite.connect();
    await admin.deleteTopics(suite.topic);
    expect(await admin.partitions(suite.topic)).toEqual([]);
    expect(await admin.partitions('tenants.t.grouped.pulses')).toEqual([]);
  });
}
