import { describe, expect, it } from '@jest/globals';
import { createSimClock, createSimRandom, settle } from '@pulses/testing-sim';
import type { Membership } from './group/membership';
import { KafkaConnector } from './kafka-connector';
import type { Cluster } from './protocol/cluster';
import type { ReadyTopics } from './topics/prepare-topics';

const TOPIC = { name: 'source.pulses', topicId: '0'.repeat(32), partitions: [{ leader: 1 }] };

/** A member of a group whose one partition belongs to another member. */
function standBy(memberAnswer: Promise<void>, brokerAnswer: Promise<unknown>) {
  const clock = createSimClock();
  const membership: Membership = {
    group: 'g',
    identity: () => ({ memberId: 'own', generation: 1 }),
    rebalanced: () => Promise.reject(new Error('not asked')),
    ask: () => memberAnswer,
    close: () => Promise.resolve(),
  };
  const cluster = {
    toCoordinator: (_kind: string, key: string) =>
      Promise.resolve(key === 'g' ? [{ memberId: 'other', partitions: [0] }] : new Map()),
    topic: () => brokerAnswer,
    close: () => Promise.resolve(),
  };
  const connector = new KafkaConnector({
    createCluster: () => cluster as unknown as Cluster,
    joinGroup: ({ events }) => {
      events.onAssigned(new Set());
      return Promise.resolve(membership);
    },
    prepareTopics: () => Promise.resolve({ source: TOPIC } as unknown as ReadyTopics),
    clock,
    heartbeatClock: clock,
    random: createSimRandom(1),
    member: 'm',
    sessionTimeoutMs: 6_000,
    compression: 'none',
  });
  const asks: (() => Promise<unknown>)[] = [];
  const abort = new AbortController();
  const opening = connector.openSession({
    sourceTopic: TOPIC.name,
    group: 'g',
    signal: abort.signal,
    onStandby: (ask) => asks.push(ask),
  });
  opening.catch(() => undefined);
  return {
    async ask(): Promise<unknown> {
      for (let look = 0; look < 4 && asks.length === 0; look += 1) {
        await settle();
        await clock.advance(250);
      }
      return asks[0]?.();
    },
    async end(): Promise<void> {
      abort.abort(new Error('the test is over'));
      await connector.close();
    },
  };
}

describe('a member of a Kafka group that stands by', () => {
  it('has a sign of life when the group or any broker answers: a change of members may keep the group silent', async () => {
    const silent = new Promise<never>(() => undefined);
    for (const [member, broker] of [
      [Promise.resolve(), silent],
      [silent, Promise.resolve(TOPIC)],
    ] as const) {
      const { ask, end } = standBy(member, broker);
      await expect(ask()).resolves.not.toThrow();
      await end();
    }
  });
});
