// Puts the connector together from its settings. Loaded only with --connector kafka: it brings the client library.

import type { Connector, ConnectorContext } from '@pulses/connector-api';
import { nodeRandom } from '@pulses/shared-node-platform';
import { createJoinGroup } from './group/join-group';
import { KafkaConnector } from './kafka-connector';
import { BrokerCluster } from './protocol/broker-cluster';
import { createDial } from './security/dial';
import { securityOf } from './security/security';
import { SecuritySource } from './security/security-source';
import { brokersText, topicsOf, type KafkaSettings } from './settings';
import { StartGate } from './start-gate';
import { prepareTopics } from './topics/prepare-topics';

const CONNECT_MS_MAX = 5_000;
/** Longer than a join of a group waits for its members. */
const REQUEST_MS_MAX = 30_000;
/** A crashed member is replaced after it. Brokers allow 6 s by default; in between two heartbeats may be lost. */
const SESSION_MS = 6_000;

/**
 * Connects to nothing yet.
 * @param reread reads the settings again, for each new connection
 * @throws PulsesError CONFIG_INVALID for settings that do not fit, and for files that can't be read
 */
export async function createKafkaConnector(
  settings: KafkaSettings,
  { clock, clientName, member }: ConnectorContext,
  reread: () => KafkaSettings = () => settings,
): Promise<Connector> {
  const security = new SecuritySource(await securityOf(settings), () => securityOf(reread()));
  const asker = { brokers: brokersText(settings), user: settings.kafkaUsername };
  const shape = {
    partitions: settings.kafkaPartitions,
    replication: settings.kafkaReplication,
    retentionMs: settings.kafkaRetention,
  };
  const connector = new KafkaConnector({
    createCluster: () =>
      new BrokerCluster({
        bootstrap: settings.kafkaBrokers,
        asker,
        clock,
        random: nodeRandom,
        dial: createDial({
          security,
          clientId: clientName,
          connectTimeoutMs: CONNECT_MS_MAX,
          requestTimeoutMs: REQUEST_MS_MAX,
        }),
      }),
    joinGroup: createJoinGroup(settings.kafkaGroupProtocol),
    prepareTopics: (cluster, sourceTopic, signal) =>
      prepareTopics(
        cluster,
        topicsOf(sourceTopic, settings),
        { clock, asker, creates: settings.kafkaCreateTopics, shape },
        signal,
      ),
    clock,
    heartbeatClock: clock,
    random: nodeRandom,
    member,
    sessionTimeoutMs: SESSION_MS,
    compression: settings.kafkaCompression,
  });
  return new StartGate(connector, clock);
}
