// The Kafka connector as the registry knows it. The client library is loaded only when the connector is used.

import type { ConnectorContext, ConnectorParts, ConnectorTools, ToolsContext } from '@pulses/connector-api';
import { brokersText, kafkaSettings, type KafkaSettings } from './settings';

export const kafkaConnector = {
  settings: kafkaSettings,
  /** Connects to nothing yet. @throws PulsesError CONFIG_INVALID when settings exclude each other or a file can't be read */
  async open(
    settings: KafkaSettings,
    context: ConnectorContext,
    reread?: () => KafkaSettings,
  ): Promise<ConnectorParts> {
    const { createKafkaConnector } = await import('./create-connector');
    return { connector: await createKafkaConnector(settings, context, reread), peer: brokersText(settings) };
  },
  /** As `open`. */
  async openTools(
    settings: KafkaSettings,
    context: ToolsContext,
    reread?: () => KafkaSettings,
  ): Promise<ConnectorTools> {
    const { createKafkaTools } = await import('./tools/create-tools');
    return await createKafkaTools(settings, context, reread);
  },
};
