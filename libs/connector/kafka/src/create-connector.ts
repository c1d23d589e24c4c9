// Puts the connector together from its settings. Loaded only with --connector kafka: it brings the client library.

import type { Connector, ConnectorContext } from '@pulses/connector-api';
import { nodeRandom } from '@pulses/shared-node-platform';
import { createJoinGroup } from './group/join-group';
import { KafkaConnector } from './kafka-connector';
import { kafkaPartsOf } from './kafka-parts';
import { topicsOf, type KafkaSettings } from './settings';
import { StartGate } from './start-gate';
import { prepareTopics } from './topics/prepare-topics';

/** A crashed member is replaced after it. Brokers allow 6 s by default; in between two heartbeats may be lost. */
const SESSION_MS = 6_000;

/**
 * Connects to nothing yet.
 * @param reread reads the settings again, for each new connection
 * @throws PulsesError CONFIG_INVALID for settings that do not fit, and for files that can't be read
 */
export async function createKafkaConnector(
  settings: KafkaSettings,
  { clock, clientName, member, logger }: ConnectorContext,
  reread?: () => KafkaSettings,
): Promise<Connector> {
  const { createCluster, preparing } = await kafkaPartsOf(settings, { clock, clientName }, reread);
  const connector = new KafkaConnector({
    createCluster,
    joinGroup: createJoinGroup(settings.kafkaGroupProtocol, logger),
    prepareTopics: (cluster, sourceTopic, signal) =>
      prepareTopics(cluster, topicsOf(sourceTopic, settings), preparing, signal),
    clock,
    heartbeatClock: clock,
    random: nodeRandom,
    member,
    sessionTimeoutMs: SESSION_MS,
    compression: settings.kafkaCompression,
  });
  return new StartGate(connector, clock);
}
