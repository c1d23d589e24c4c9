// The NATS connector as the registry knows it. The client library is loaded only when the connector is used.

import type { ConnectorContext, ConnectorParts, ConnectorTools, ToolsContext } from '@pulses/connector-api';
import { natsSettings, serversText, type NatsSettings } from './settings';

export const natsConnector = {
  settings: natsSettings,
  /** Connects to nothing yet. @throws PulsesError CONFIG_INVALID when settings exclude each other or a file can't be read */
  async open(
    settings: NatsSettings,
    { clock, clientName, member, logger }: ConnectorContext,
    reread?: () => NatsSettings,
  ): Promise<ConnectorParts> {
    const [{ credentialsFlag }, { NatsConnector }, { syncWarning }] = await Promise.all([
      import('./access'),
      import('./nats-connector'),
      import('./sync-warning'),
    ]);
    const peer = serversText(settings.natsUrl);
    const connector = new NatsConnector({
      connect: await dialerOf(settings, clientName, reread),
      clock,
      member,
      serversText: peer,
      credentialsFlag: credentialsFlag(settings),
      warn: (line) => logger?.warn({}, line),
      onFirstConnection: () => {
        void syncWarning(settings.natsMonitorAddress).then((line) => {
          if (line !== undefined) logger?.warn({}, line);
        });
      },
    });
    return { connector, peer };
  },
  /** As `open`. */
  async openTools(
    settings: NatsSettings,
    { clock, clientName, member, random }: ToolsContext,
    reread?: () => NatsSettings,
  ): Promise<ConnectorTools> {
    const [{ NatsTopics }, { openNatsProducer }] = await Promise.all([
      import('./tools/nats-topics'),
      import('./tools/nats-producer'),
    ]);
    const connect = await dialerOf(settings, clientName, reread);
    return {
      name: 'nats',
      connect: async () => await NatsTopics.open(await connect(), clock, member),
      openProducer: (options) => openNatsProducer({ ...options, connect, clock, random }),
    };
  },
};

/** Opens connections; from the second one on with settings that are read again. */
async function dialerOf(settings: NatsSettings, clientName: string, reread: (() => NatsSettings) | undefined) {
  const { connectionOptionsOf, connectNats } = await import('./access');
  await connectionOptionsOf(settings, clientName);
  let isFirst = true;
  return () => {
    const current = isFirst ? settings : (reread?.() ?? settings);
    isFirst = false;
    return connectNats(current, clientName);
  };
}
