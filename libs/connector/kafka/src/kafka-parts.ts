// What both sides of the connector are made of, from its settings.

import type { ConnectorContext } from '@pulses/connector-api';
import { nodeRandom } from '@pulses/shared-node-platform';
import { BrokerCluster } from './protocol/broker-cluster';
import type { Cluster } from './protocol/cluster';
import { createDial } from './security/dial';
import { securityOf } from './security/security';
import { SecuritySource } from './security/security-source';
import { brokersText, type KafkaSettings } from './settings';
import type { PrepareOptions } from './topics/prepare-topics';

const CONNECT_MS_MAX = 5_000;
/** Longer than a join of a group waits for its members. */
const REQUEST_MS_MAX = 30_000;

export interface KafkaParts {
  /** A cluster client with connections of its own, which connects when it is first asked. */
  createCluster(): Cluster;
  readonly preparing: PrepareOptions;
}

/**
 * @param reread reads the settings again, for each new connection
 * @throws PulsesError CONFIG_INVALID for settings that do not fit, and for files that can't be read
 */
export async function kafkaPartsOf(
  settings: KafkaSettings,
  { clock, clientName }: Pick<ConnectorContext, 'clock' | 'clientName'>,
  reread: () => KafkaSettings = () => settings,
): Promise<KafkaParts> {
  const security = new SecuritySource(await securityOf(settings), () => securityOf(reread()));
  const asker = { brokers: brokersText(settings), user: settings.kafkaUsername };
  const shape = {
    partitions: settings.kafkaPartitions,
    replication: settings.kafkaReplication,
    retentionMs: settings.kafkaRetention,
  };
  return {
    createCluster: () =>
      new BrokerCluster({
        bootstrap: settings.kafkaBrokers,
        asker,
        clock,
        random: nodeRandom,
        dial: createDial({
          clock,
          security,
          clientId: clientName,
          connectTimeoutMs: CONNECT_MS_MAX,
          requestTimeoutMs: REQUEST_MS_MAX,
        }),
      }),
    preparing: { clock, asker, creates: settings.kafkaCreateTopics, shape },
  };
}
