// What Kafka removes when a group has had no member for longer than it keeps offsets, and what not.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { until } from '@pulses/testing-processes';
import { fetchOffsets } from '../protocol/offset-requests';
import { commitAt, startKafkaRig, type KafkaRig } from '../testing/kafka-rig';

const LIMIT_MS = 300_000;
const SHORT = { 'offsets.retention.minutes': '1', 'offsets.retention.check.interval.ms': '1000' };

describe('a Kafka that keeps the offsets of a left group for a minute', () => {
  let rig: KafkaRig;

  beforeAll(async () => {
    rig = await startKafkaRig(SHORT);
  }, LIMIT_MS);
  afterAll(() => rig.close());

  async function work(group: string): Promise<string> {
    const source = await rig.makeSource(5);
    const [session] = await rig.openAll(group, source);
    await session?.commit(commitAt(`of ${group}`, { grouped: 3 }));
    await rig.leave();
    return source;
  }

  it(
    'removes the positions, but neither the claims nor what a deleted group has left',
    async () => {
      const handedOver = await work('deleted');
      await (await rig.tools()).deleteGroup('deleted');
      const source = await work('left');
      const isGone = async () => {
        const ask = fetchOffsets('left', source, [0, 1]);
        return (await rig.cluster.toCoordinator('group', 'left', ask)).size === 0;
      };
      expect(await isGone()).toBe(false);
      await until(isGone, LIMIT_MS);
      const before = await rig.lines();
      await expect(rig.open('left', source)).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(`the position of left on ${source}/`),
      });
      await expect(rig.open('another', source)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
      expect(await rig.lines()).toEqual(before);
      const [next] = await rig.openAll('next', handedOver);
      expect(next?.positions.get('grouped')?.offset).toBe(3);
    },
    LIMIT_MS,
  );
});
