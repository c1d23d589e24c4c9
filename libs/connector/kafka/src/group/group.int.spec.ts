// Members of both protocols against a real coordinator.

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { consumerGroupDescribeV0, describeGroupsV5, type Connection } from '@platformatic/kafka';
import { PulsesError } from '@pulses/shared-errors';
import { nodeClock, nodeRandom } from '@pulses/shared-node-platform';
import { until } from '@pulses/testing-processes';
import { kafkaAdmin, startKafka, type KafkaAdmin, type KafkaServer } from '@pulses/testing-services';
import type { BrokerCluster } from '../protocol/broker-cluster';
import { connectTestCluster } from '../testing/test-cluster';
import { chooseProtocol, createJoinGroup, type GroupProtocol } from './join-group';
import type { MemberIdentity, Membership } from './membership';

const PROPERTIES = {
  'group.consumer.min.session.timeout.ms': '1000',
  'group.consumer.session.timeout.ms': '3000',
  'group.consumer.min.heartbeat.interval.ms': '100',
  'group.consumer.heartbeat.interval.ms': '300',
  'group.min.session.timeout.ms': '1000',
};
const SESSION_MS = 3_000;
const LIMIT_MS = 120_000;

let server: KafkaServer;
let admin: KafkaAdmin;
let topics = 0;

beforeAll(async () => {
  server = await startKafka({ properties: PROPERTIES });
  admin = await kafkaAdmin(server.brokers);
}, LIMIT_MS);
afterAll(async () => {
  await admin.close();
  await server.stop();
});

describe.each(['consumer', 'classic'] satisfies GroupProtocol[])('members of a %s group', (protocol) => {
  const open: Member[] = [];
  const clusters: BrokerCluster[] = [];

  afterEach(async () => {
    await Promise.all(open.splice(0).map((member) => member.membership.close()));
    await Promise.all(clusters.splice(0).map((cluster) => cluster.close()));
  });
  interface Member {
    readonly membership: Membership;
    readonly cluster: BrokerCluster;
    held: ReadonlySet<number>;
    lost: PulsesError | undefined;
  }

  async function makeTopic(partitions: number): Promise<string> {
    const topic = `${server.topicPrefix}-${protocol}-${(topics += 1)}`;
    await admin.createTopic(topic, { partitions });
    return topic;
  }

  const connect = () => {
    const cluster = connectTestCluster(server.brokers);
    clusters.push(cluster);
    return cluster;
  };

  async function join(
    topic: string,
    release: () => Promise<void> = () => Promise.resolve(),
    { cluster, joinGroup } = { cluster: connect(), joinGroup: createJoinGroup(protocol) },
  ): Promise<Member> {
    const found = await cluster.topic(topic);
    if (found === undefined) throw new Error(`no topic ${topic}`);
    const state = { held: new Set<number>() as ReadonlySet<number>, lost: undefined as PulsesError | undefined };
    const membership = await joinGroup({
      cluster,
      clock: nodeClock,
      random: nodeRandom,
      group: `group-of-${topic}`,
      topic,
      topicId: found.topicId,
      partitionCount: found.partitions.length,
      member: 'test',
      sessionTimeoutMs: SESSION_MS,
      signal: new AbortController().signal,
      events: {
        onAssigned: (partitions) => {
          state.held = partitions;
        },
        onRevoked: async (partitions) => {
          state.held = new Set([...state.held].filter((partition) => !partitions.has(partition)));
          await release();
        },
        onLost: (error) => {
          state.held = new Set();
          state.lost = error;
        },
      },
    });
    const member = Object.assign(state, { membership, cluster });
    open.push(member);
    return member;
  }

  const heldBy = (...members: Member[]) => members.map(({ held }) => [...held].sort());
  const sizes = (...members: Member[]) => members.map(({ held }) => held.size);

  it(
    'share the partitions, and take over those of one that leaves',
    async () => {
      const topic = await makeTopic(5);
      const first = await join(topic);
      await until(() => first.held.size === 5);
      const second = await join(topic);
      await until(() => sizes(first, second).sort().join() === '2,3');
      expect(heldBy(first, second).flat().sort()).toEqual([0, 1, 2, 3, 4]);
      await first.membership.close();
      await until(() => second.held.size === 5);
    },
    LIMIT_MS,
  );

  it(
    'stand by without a partition, and hear from the coordinator when they ask',
    async () => {
      const topic = await makeTopic(1);
      const first = await join(topic);
      await until(() => first.held.size === 1);
      const second = await join(topic);
      await second.membership.ask();
      expect(sizes(first, second)).toEqual([1, 0]);
      await first.membership.close();
      await until(() => second.held.size === 1);
    },
    LIMIT_MS,
  );

  it(
    'give a partition to another member only once its user has ended',
    async () => {
      const topic = await makeTopic(2);
      const ending = Promise.withResolvers<undefined>();
      const revoked = Promise.withResolvers<undefined>();
      const first = await join(topic, async () => {
        revoked.resolve(undefined);
        await ending.promise;
      });
      await until(() => first.held.size === 2);
      const second = await join(topic);
      await revoked.promise;
      // Enough answers for a rebalance of either protocol, which waits for the first.
      for (let round = 0; round < 4; round += 1) await Promise.all([first.membership.ask(), second.membership.ask()]);
      expect(sizes(first, second)).toEqual([1, 0]);
      ending.resolve(undefined);
      await until(() => second.held.size === 1);
    },
    LIMIT_MS,
  );

  it(
    'pick up partitions that are added',
    async () => {
      const topic = await makeTopic(1);
      const member = await join(topic);
      await admin.addPartitions(topic, 3);
      await until(() => member.held.size === 3, LIMIT_MS);
    },
    LIMIT_MS,
  );

  it(
    'change their identity with a rebalance, and say so to who waits',
    async () => {
      const topic = await makeTopic(2);
      const first = await join(topic);
      const before: MemberIdentity = first.membership.identity();
      const changed = first.membership.rebalanced(before);
      await join(topic);
      expect((await changed).generation).toBeGreaterThan(before.generation);
      expect(first.membership.identity().memberId).toBe(before.memberId);
    },
    LIMIT_MS,
  );

  it(
    'are replaced when they fall silent, and hear that they were removed',
    async () => {
      const topic = await makeTopic(1);
      const silent = await join(topic);
      await until(() => silent.held.size === 1);
      const healthy = await join(topic);
      // As a process that is stopped: it neither sends nor hears.
      const resume = silence(silent.cluster);
      await until(() => healthy.held.size === 1, LIMIT_MS);
      resume();
      await until(() => silent.lost !== undefined);
      expect(silent.lost?.code).toBe('FENCED');
      await expect(silent.membership.ask()).rejects.toMatchObject({ code: 'FENCED' });
    },
    LIMIT_MS,
  );

  it(
    'are left by the next one of their process when they could not leave',
    async () => {
      const topic = await makeTopic(1);
      const place = { cluster: connect(), joinGroup: createJoinGroup(protocol) };
      const first = await join(topic, undefined, place);
      await until(() => first.held.size === 1);
      const reconnect = disconnect(place.cluster);
      await first.membership.close();
      reconnect();
      const { memberId } = (await join(topic, undefined, place)).membership.identity();
      expect(await membersOf(place.cluster, `group-of-${topic}`)).toEqual([memberId]);
    },
    LIMIT_MS,
  );

  it(
    'end when the topic is deleted and created again',
    async () => {
      const topic = await makeTopic(1);
      const member = await join(topic);
      await until(() => member.held.size === 1);
      await admin.deleteTopic(topic);
      await admin.createTopic(topic, { partitions: 1 });
      await until(() => member.lost !== undefined, LIMIT_MS);
      expect(member.lost?.code).toBe('TOPIC_UNKNOWN');
    },
    LIMIT_MS,
  );

  it(
    'leave at once also while they join',
    async () => {
      const topic = await makeTopic(1);
      const first = await join(topic);
      await first.membership.close();
      const second = await join(topic);
      await until(() => second.held.size === 1);
      expect(first.lost).toBeUndefined();
    },
    LIMIT_MS,
  );
});

describe('the protocol of a group', () => {
  const choicesAt = async ({ brokers }: KafkaServer) => {
    const cluster = connectTestCluster(brokers);
    const protocols = ['auto', 'consumer', 'classic'] satisfies GroupProtocol[];
    const choices = await Promise.all(
      protocols.map((protocol) => chooseProtocol(protocol, cluster, 'some-group', 6_000)),
    );
    await cluster.close();
    return choices;
  };

  it(
    'is the classic one where the brokers replace a crashed member later than promised, unless it is asked for',
    async () => {
      const usual = await startKafka();
      const choices = await choicesAt(usual);
      await usual.stop();
      expect(choices).toEqual([
        { isConsumer: false, line: expect.stringMatching(/after 45 s: the classic protocol is used, .* after 6 s$/) },
        { isConsumer: true, line: expect.stringMatching(/after 45 s: lower group\.consumer\.session\.timeout\.ms/) },
        { isConsumer: false },
      ]);
    },
    LIMIT_MS,
  );

  it(
    'is that of the brokers where it is as fast',
    async () => {
      expect(await choicesAt(server)).toEqual([{ isConsumer: true }, { isConsumer: true }, { isConsumer: false }]);
    },
    LIMIT_MS,
  );
});

/** Fails every further request to a coordinator, as when none can be reached. @returns ends that */
function disconnect(cluster: BrokerCluster): () => void {
  const send = cluster.toCoordinator.bind(cluster);
  cluster.toCoordinator = () => Promise.reject(new PulsesError('CONNECTION_LOST', 'the coordinator is out of reach'));
  return () => {
    cluster.toCoordinator = send;
  };
}

/** Ids of all that the coordinator holds for members of the group. */
async function membersOf(cluster: BrokerCluster, group: string): Promise<string[]> {
  const describe = async (connection: Connection) => {
    const { groups } = await consumerGroupDescribeV0.api.async(connection, [group], false);
    return groups.flatMap(({ members }) => members.map(({ memberId }) => memberId));
  };
  const describeClassic = async (connection: Connection) => {
    const { groups } = await describeGroupsV5.api.async(connection, [group], false);
    return groups.flatMap(({ members }) => members.map(({ memberId }) => memberId));
  };
  return await cluster
    .toCoordinator('group', group, describe)
    .catch(() => cluster.toCoordinator('group', group, describeClassic));
}

/** Holds every further request of the cluster back. @returns lets them go */
function silence(cluster: BrokerCluster): () => void {
  const held = Promise.withResolvers<undefined>();
  const send = cluster.toCoordinator.bind(cluster);
  cluster.toCoordinator = async (...request) => {
    await held.promise;
    return (await send(...(request as Parameters<typeof send>))) as never;
  };
  return () => {
    held.resolve(undefined);
  };
}
