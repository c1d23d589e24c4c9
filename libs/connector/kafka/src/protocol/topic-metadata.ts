// A topic as a cluster has it.

export interface KafkaTopic {
  readonly name: string;
  /** 32 hex digits; another one when the topic is deleted and created again (KIP-516). */
  readonly topicId: string;
  /** By number of the partition. */
  readonly partitions: readonly KafkaPartition[];
}

export interface KafkaPartition {
  readonly partition: number;
  /** Node id of its leader; -1 while it has none. */
  readonly leader: number;
}
