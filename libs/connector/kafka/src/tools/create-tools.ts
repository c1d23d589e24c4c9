// Puts the tools' side together from its settings. Loaded only with --connector kafka: it brings the client library.

import type { ConnectorTools, ToolsContext } from '@pulses/connector-api';
import { kafkaPartsOf } from '../kafka-parts';
import type { KafkaSettings } from '../settings';
import { prepareTopic } from '../topics/prepare-topics';
import { KafkaTools } from './kafka-tools';

/** Connects to nothing yet. @throws PulsesError CONFIG_INVALID for settings that do not fit, and files that can't be read */
export async function createKafkaTools(
  settings: KafkaSettings,
  context: ToolsContext,
  reread?: () => KafkaSettings,
): Promise<ConnectorTools> {
  const { createCluster, preparing } = await kafkaPartsOf(settings, context, reread);
  return new KafkaTools({
    openCluster: createCluster,
    ensureTopic: (cluster, topic, signal) => prepareTopic(cluster, topic, preparing, signal),
    clock: context.clock,
    random: context.random,
    naming: settings,
    compression: settings.kafkaCompression,
  });
}
