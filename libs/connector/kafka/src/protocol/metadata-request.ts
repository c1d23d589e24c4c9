// What a cluster says of its brokers and of a topic.

import { metadataV12 } from '@platformatic/kafka';
import { kafkaCodeOf, KAFKA_ERROR } from './errors';
import type { Ask } from './cluster';
import type { KafkaTopic } from './topic-metadata';
import type { BrokerAddress } from './lanes';

type MetadataResponse = metadataV12.MetadataResponse;

export interface ClusterMetadata {
  readonly brokers: ReadonlyMap<number, BrokerAddress>;
  /** Node id; -1 while there is none. */
  readonly controller: number;
  /** Undefined when the cluster has no such topic. */
  readonly topic: KafkaTopic | undefined;
}

/** Asks for the brokers, and for one topic. */
export function metadataOf(topic: string | undefined): Ask<ClusterMetadata> {
  return async (connection) => {
    const answer = await metadataV12.api
      .async(connection, topic === undefined ? [] : [topic], false, false)
      .catch((error: unknown) => partialAnswer(error));
    const [found] = answer.topics;
    return {
      brokers: new Map(answer.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }])),
      controller: answer.controllerId,
      topic:
        found === undefined || found.errorCode === KAFKA_ERROR.UNKNOWN_TOPIC_OR_PARTITION ? undefined : topicOf(found),
    };
  };
}

/** The library rejects an answer with any error; a missing topic, or a partition without a leader, is none to us. */
function partialAnswer(error: unknown): MetadataResponse {
  const { response } = error as { response?: MetadataResponse };
  const code = kafkaCodeOf(error);
  const isUsable = code === KAFKA_ERROR.UNKNOWN_TOPIC_OR_PARTITION || code === KAFKA_ERROR.LEADER_NOT_AVAILABLE;
  if (response === undefined || !isUsable) throw error;
  return response;
}

function topicOf({ name, topicId, partitions }: MetadataResponse['topics'][number]): KafkaTopic {
  const ordered = partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex);
  return {
    name: name ?? '',
    topicId: topicId.replaceAll('-', ''),
    partitions: ordered.map(({ partitionIndex, leaderId }) => ({ partition: partitionIndex, leader: leaderId })),
  };
}
