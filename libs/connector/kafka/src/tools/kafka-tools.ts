// Kafka as the tools see it.

import type { ConnectorTools, LineProducer, LineProducerOptions, TopicAdmin } from '@pulses/connector-api';
import type { Clock, Random } from '@pulses/shared-ports';
import type { Cluster } from '../protocol/cluster';
import type { KafkaTopic } from '../protocol/topic-metadata';
import type { Compression } from '../records/compression';
import { KafkaProducer } from './kafka-producer';
import { KafkaTopicAdmin, type NamingSettings } from './kafka-topics';

export interface KafkaToolsOptions {
  /** A cluster with connections of its own, which connects when it is asked. */
  openCluster(): Cluster;
  /** The topic; made where the settings ask for that. @throws PulsesError TOPIC_UNKNOWN */
  ensureTopic(cluster: Cluster, topic: string, signal: AbortSignal): Promise<KafkaTopic>;
  readonly clock: Clock;
  readonly random: Random;
  readonly naming: NamingSettings;
  readonly compression: Compression;
}

export class KafkaTools implements ConnectorTools {
  readonly name = 'kafka';
  readonly #options: KafkaToolsOptions;

  constructor(options: KafkaToolsOptions) {
    this.#options = options;
  }

  async connect(): Promise<TopicAdmin> {
    const { openCluster, naming, clock, random, compression } = this.#options;
    const cluster = openCluster();
    try {
      // A sign of life: a cluster that is out of reach shows here.
      await cluster.featureLevel('metadata.version');
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return new KafkaTopicAdmin(cluster, naming, { clock, random, compression });
  }

  async openProducer(options: LineProducerOptions): Promise<LineProducer> {
    const { openCluster, ensureTopic, clock, random, compression } = this.#options;
    const cluster = openCluster();
    const partitionCount = async (signal: AbortSignal) =>
      (await ensureTopic(cluster, options.topic, signal)).partitions.length;
    const producer = new KafkaProducer({ ...options, cluster, clock, random, compression, partitionCount });
    if (options.isPatient) return producer;
    try {
      await producer.connect();
    } catch (error) {
      producer.abort();
      throw error;
    }
    return producer;
  }
}
