// What Kafka remembers of marks when it forgets the offsets of groups.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MarkChange } from '@pulses/connector-api';
import { nodeClock, nodeRandom } from '@pulses/shared-node-platform';
import { until } from '@pulses/testing-processes';
import type { Cluster } from '../protocol/cluster';
import { fetchOffsets } from '../protocol/offset-requests';
import { startKafkaRig, type KafkaRig } from '../testing/kafka-rig';
import { openKafkaMarkedPublisher } from './marked-publisher';
import { keptMarkGroup, markGroup } from './redriven-mark';

const LIMIT_MS = 300_000;
const SHORT = { 'offsets.retention.minutes': '1', 'offsets.retention.check.interval.ms': '1000' };
const GROUP = 'redrive';
const MESSAGE = Buffer.from('again\n');

const markAt = (name: string, bits: number): MarkChange => ({
  name,
  expectedRevision: 0,
  offset: 8,
  metadata: Buffer.of(bits).toString('base64'),
});

describe('on a Kafka that keeps the offsets of a left group for a minute', () => {
  let rig: KafkaRig;

  beforeAll(async () => {
    rig = await startKafkaRig(SHORT);
  }, LIMIT_MS);
  afterAll(() => rig.close());

  it(
    'marks stay, also those of a process that was killed before it had copied them',
    async () => {
      const source = await rig.makeSource(1);
      const letters = `${source}.dead-letter`;
      const tools = await rig.tools();
      const [marked] = await tools.partitions(letters);
      const options = { group: GROUP, marked: marked!, topic: source, keyOf: () => undefined }; // it was made
      const whole = await tools.openMarkedPublisher(options);
      await whole.publish(MESSAGE, 1, [markAt('letters 0', 1)]);
      await whole.close();
      const cluster = withoutCopies(rig.cluster);
      const cut = await openKafkaMarkedPublisher({
        ...options,
        cluster,
        clock: nodeClock,
        random: nodeRandom,
        compression: 'none',
        partitionCount: 2,
        readPositions: async () => (await tools.positions(letters)).filter(({ group }) => group === GROUP),
      });
      cluster.isCut = true;
      await expect(cut.publish(MESSAGE, 1, [markAt('letters 0', 3), markAt('letters 1', 4)])).rejects.toThrow('cut');
      const next = await tools.openMarkedPublisher(options);
      await next.close();

      const isForgotten = async () => {
        const group = markGroup({ group: GROUP, name: 'letters 1' });
        return (await rig.cluster.toCoordinator('group', group, fetchOffsets(group, letters, [0]))).size === 0;
      };
      expect(await isForgotten()).toBe(false);
      await until(isForgotten, LIMIT_MS);
      const marks = (await tools.positions(letters)).map(({ name, metadata }) => [name, metadata]);
      expect(marks.sort()).toEqual(
        [markAt('letters 0', 3), markAt('letters 1', 4)].map((mark) => [mark.name, mark.metadata]),
      );
    },
    LIMIT_MS,
  );
});

/** The cluster, which refuses copies of marks once it is cut. */
function withoutCopies(cluster: Cluster): Cluster & { isCut: boolean } {
  const isCopy = (group: string) => group.startsWith(keptMarkGroup({ group: GROUP, name: '' }));
  const state = { isCut: false };
  return new Proxy(cluster, {
    get(target, key: keyof Cluster) {
      if (key === 'toCoordinator')
        return (...asked: Parameters<Cluster['toCoordinator']>) =>
          state.isCut && isCopy(asked[1]) ? Promise.reject(new Error('cut')) : target.toCoordinator(...asked);
      const value: unknown = target[key];
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
    set: (_target, key, value) => key === 'isCut' && Reflect.set(state, key, value),
  }) as Cluster & { isCut: boolean };
}
