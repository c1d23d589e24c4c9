// The calls of a broker's client that only read.

import type { TopicInfo } from '@pulses/broker-wire';
import { PulsesError } from '@pulses/shared-errors';
import type { BrokerClient } from './broker-client';

export type BrokerReader = Pick<BrokerClient, 'fetch' | 'scan' | 'listTopics' | 'readPositions'>;

/** A topic as the broker describes it; does not create it. @throws PulsesError TOPIC_UNKNOWN */
export async function findTopic(client: BrokerReader, topic: string): Promise<TopicInfo> {
  const info = (await client.listTopics(topic)).find((candidate) => candidate.topic === topic);
  if (info === undefined) throw new PulsesError('TOPIC_UNKNOWN', `topic ${topic} does not exist`);
  return info;
}
