// The fs connector as the registry knows it.

import { brokerAddressOf, brokerClientSettings, createDialer } from '@pulses/broker-client';
import type { ConnectorContext, ConnectorParts } from '@pulses/connector-api';
import type { SettingsOf } from '@pulses/shared-settings';
import { FsConnector } from './fs-connector';

export const fsConnector = {
  settings: brokerClientSettings,
  /** Connects to nothing yet. @throws PulsesError CONFIG_INVALID when a file of the settings can't be read */
  async open(
    settings: SettingsOf<typeof brokerClientSettings>,
    { network, clock, clientName, member }: ConnectorContext,
    reread?: () => SettingsOf<typeof brokerClientSettings>,
  ): Promise<ConnectorParts> {
    const address = await brokerAddressOf(settings);
    const connect = createDialer(
      { ...address, network, clock, clientName },
      reread === undefined ? undefined : () => brokerAddressOf(reread()),
    );
    return { connector: new FsConnector({ connect, clock, member }), peer: `${address.host}:${address.port}` };
  },
};
