// Positions that are lost, and positions that are handed over, on a real Kafka.

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { commitKeptOffset, fetchOffsets } from '../protocol/offset-requests';
import { commitAt, startKafkaRig, type KafkaRig } from '../testing/kafka-rig';
import { deleteGroup } from '../tools/admin-requests';

const LIMIT_MS = 120_000;
const MESSAGES = 5;
const LOST = { code: 'CONFIG_INVALID', message: expect.stringContaining('pulses positions set') };

describe('a group on Kafka', () => {
  let rig: KafkaRig;
  let groups = 0;

  beforeAll(async () => {
    rig = await startKafkaRig();
  }, LIMIT_MS);
  afterEach(() => rig.leave());
  afterAll(() => rig.close());

  /** A group that has left: it has read some of partition 0, and nothing of partition 1. */
  async function workedGroup(): Promise<{ group: string; source: string }> {
    const [group, source] = [`worked-${(groups += 1)}`, await rig.makeSource(MESSAGES)];
    const [session] = await rig.openAll(group, source);
    await session?.commit(commitAt(`of ${group}`, { grouped: 3, windowed: 2 }));
    await rig.leave();
    return { group, source };
  }

  const asAdministrator = (group: string) => rig.cluster.toCoordinator('group', group, deleteGroup(group));

  it(
    'is refused when its positions are lost, and writes nothing',
    async () => {
      const { group, source } = await workedGroup();
      const before = await rig.lines();
      expect(before).toContain(`of ${group}`);
      await asAdministrator(group);
      await expect(rig.openAll(group, source)).rejects.toMatchObject(LOST);
      await expect(rig.open('another', source)).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(`the group '${group}' publishes the outputs`),
      });
      expect(await rig.lines()).toEqual(before);
    },
    LIMIT_MS,
  );

  it(
    'is refused when another program has overwritten its position',
    async () => {
      const { group, source } = await workedGroup();
      const reset = { topic: source, partition: 0, offset: 0, metadata: '' };
      await rig.cluster.toCoordinator('group', group, commitKeptOffset(group, reset));
      await expect(rig.openAll(group, source)).rejects.toMatchObject(LOST);
    },
    LIMIT_MS,
  );

  it(
    'continues where lost positions are set, also with one of the two',
    async () => {
      const { group, source } = await workedGroup();
      await asAdministrator(group);
      const tools = await rig.tools();
      expect(await tools.groups()).toContainEqual({ group, sources: [source] });
      await expect(tools.deleteGroup(group)).rejects.toMatchObject(LOST);
      const position = { group, topic: source, partition: 0, name: 'grouped' };
      expect(await tools.movePosition({ ...position, group: 'nosuch' }, 3)).toBeUndefined();
      expect(await tools.movePosition(position, 3)).toMatchObject({ ...position, offset: 0 });
      await tools.movePosition({ ...position, partition: 1, name: 'windowed' }, 0);
      const [half] = await rig.openAll(group, source);
      expect(half?.startOffset).toBe(3);
      await rig.leave();
      await (await rig.tools()).movePosition({ ...position, name: 'windowed' }, 2);
      const [whole, other] = await rig.openAll(group, source);
      expect(whole?.positions).toEqual(
        new Map([
          ['grouped', { offset: 3, metadata: '' }],
          ['windowed', { offset: 2, metadata: '' }],
        ]),
      );
      expect([whole?.startOffset, other?.startOffset]).toEqual([2, 0]);
    },
    LIMIT_MS,
  );

  it(
    'hands its outputs over when it is deleted: the next one starts where it was, and it is refused',
    async () => {
      const { group, source } = await workedGroup();
      const tools = await rig.tools();
      expect(await tools.deleteGroup(group)).toBe(true);
      expect((await tools.positions(source)).map(({ group: of, name, offset }) => [of, name, offset])).toEqual([
        ['', 'grouped', 3],
        ['', 'windowed', 2],
      ]);
      const next = `next-${group}`;
      const [session, other] = await rig.openAll(next, source);
      expect(session?.positions).toEqual(
        new Map([
          ['grouped', { offset: 3, metadata: '' }],
          ['windowed', { offset: 2, metadata: '' }],
        ]),
      );
      expect(other?.positions.size).toBe(0);
      await expect(rig.open(group, source)).rejects.toMatchObject({
        message: expect.stringContaining(`the group '${next}' publishes the outputs`),
      });
      expect(await tools.groups()).toContainEqual({ group: next, sources: [source] });
      await rig.leave();
      // It owns them, although it has committed nothing.
      expect(await (await rig.tools()).deleteGroup(next)).toBe(true);
      const [again] = await rig.openAll(group, source);
      expect(again?.positions.get('grouped')?.offset).toBe(3);
    },
    LIMIT_MS,
  );

  it(
    'starts where the last owner was, although its own old position is still there',
    async () => {
      const { group, source } = await workedGroup();
      const stale = { topic: source, partition: 0 };
      const ask = fetchOffsets(group, source, [0]);
      const old = (await rig.cluster.toCoordinator('group', group, ask)).get(0);
      await (await rig.tools()).deleteGroup(group);
      // As after a deletion that was interrupted between its two steps.
      await rig.cluster.toCoordinator('group', group, commitKeptOffset(group, { ...stale, ...old! })); // it was stored
      const [session] = await rig.openAll('between', source);
      await session?.commit(commitAt('between', { grouped: 5, windowed: 4 }));
      await rig.leave();
      await (await rig.tools()).deleteGroup('between');
      const [again] = await rig.openAll(group, source);
      expect(again?.positions.get('windowed')?.offset).toBe(4);
    },
    LIMIT_MS,
  );

  it(
    'starts again at the first message when its positions are deleted by name',
    async () => {
      const { group, source } = await workedGroup();
      const tools = await rig.tools();
      for (const name of ['grouped', 'windowed'])
        await tools.deletePosition({ group, topic: source, partition: 0, name });
      const [session] = await rig.openAll(group, source);
      expect([session?.positions.size, session?.startOffset]).toEqual([0, 0]);
    },
    LIMIT_MS,
  );
});
