// The NATS connector as the registry knows it. The client library is loaded only when the connector is used.

import type { ConnectorContext, ConnectorParts } from '@pulses/connector-api';
import { natsSettings, serversText, type NatsSettings } from './settings';

export const natsConnector = {
  settings: natsSettings,
  /** Connects to nothing yet. @throws PulsesError CONFIG_INVALID when settings exclude each other or a file can't be read */
  async open(
    settings: NatsSettings,
    { clock, clientName, member, logger }: ConnectorContext,
    reread?: () => NatsSettings,
  ): Promise<ConnectorParts> {
    const [{ connectionOptionsOf, connectNats, credentialsFlag }, { NatsConnector }, { syncWarning }] =
      await Promise.all([import('./access'), import('./nats-connector'), import('./sync-warning')]);
    await connectionOptionsOf(settings, clientName);
    let isFirst = true;
    const connect = () => {
      const current = isFirst ? settings : (reread?.() ?? settings);
      isFirst = false;
      return connectNats(current, clientName);
    };
    const peer = serversText(settings.natsUrl);
    const connector = new NatsConnector({
      connect,
      clock,
      member,
      serversText: peer,
      credentialsFlag: credentialsFlag(settings),
      onFirstConnection: () => {
        void syncWarning(settings.natsMonitorAddress).then((line) => {
          if (line !== undefined) logger?.warn({}, line);
        });
      },
    });
    return { connector, peer };
  },
};
