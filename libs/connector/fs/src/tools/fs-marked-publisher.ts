// Publishes messages with the positions that mark them, as the one active member of a group.
//
// Guarantees: messages and marks are one commit of the broker. A member that has lost its lease is fenced.

import type { BrokerClient } from '@pulses/broker-client';
import { columnsOf } from '@pulses/broker-wire';
import type { MarkedPublisher, MarkedPublisherOptions } from '@pulses/connector-api';
import type { Clock, Timer } from '@pulses/shared-ports';

const LEASE_MS = 10_000;
const HEARTBEATS_A_LEASE = 4;

/** The connection stays the caller's. @throws PulsesError of the connection */
export async function openFsMarkedPublisher(
  client: BrokerClient,
  clock: Clock,
  member: string,
  { group, marked, topic }: MarkedPublisherOptions,
): Promise<MarkedPublisher> {
  const { topic: markedTopic, incarnation } = marked;
  // As publisher: the marks of a group that was deleted come with the outputs.
  const groupEpoch = await client.joinAsPublisher(group, member, LEASE_MS, markedTopic);
  let heartbeat: Timer | undefined;
  // A lost lease shows at the next commit.
  const beat = () => {
    heartbeat = clock.setTimer(LEASE_MS / HEARTBEATS_A_LEASE, () => {
      client.heartbeat(group, groupEpoch).then(beat, () => undefined);
    });
  };
  beat();
  let positions;
  try {
    positions = (await client.readPositions(group, markedTopic)).filter((stored) => stored.incarnation === incarnation);
  } catch (error) {
    heartbeat?.cancel();
    throw error;
  }
  return {
    positions,
    async publish(payload, recordCount, changes) {
      const appends = recordCount === 0 ? [] : [{ topic, recordCount, payload }];
      const commit = { group, groupEpoch, topic: markedTopic, incarnation, positions: [...changes] };
      await client.commit({ ...commit, ...columnsOf(appends) });
    },
    async close() {
      heartbeat?.cancel();
      await client.leaveGroup(group, groupEpoch);
    },
  };
}
