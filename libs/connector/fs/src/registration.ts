// The fs connector as the registry knows it.

import { brokerAddressOf, brokerClientSettings, createDialer } from '@pulses/broker-client';
import type { ConnectorContext, ConnectorParts, ConnectorTools, ToolsContext } from '@pulses/connector-api';
import type { SettingsOf } from '@pulses/shared-settings';
import { FsConnector } from './fs-connector';
import { FsTools } from './tools/fs-tools';

export const fsConnector = {
  settings: brokerClientSettings,
  /** Connects to nothing yet. @throws PulsesError CONFIG_INVALID when a file of the settings can't be read */
  async open(
    settings: SettingsOf<typeof brokerClientSettings>,
    { network, clock, clientName, member }: ConnectorContext,
    reread?: () => SettingsOf<typeof brokerClientSettings>,
  ): Promise<ConnectorParts> {
    const { address, connect } = await dialerOf(settings, { network, clock, clientName }, reread);
    return { connector: new FsConnector({ connect, clock, member }), peer: `${address.host}:${address.port}` };
  },
  /** As `open`. */
  async openTools(
    settings: SettingsOf<typeof brokerClientSettings>,
    { network, clock, clientName, member, random }: ToolsContext,
    reread?: () => SettingsOf<typeof brokerClientSettings>,
  ): Promise<ConnectorTools> {
    const { connect } = await dialerOf(settings, { network, clock, clientName }, reread);
    return new FsTools({ connect, clock, random, member });
  },
};

async function dialerOf(
  settings: SettingsOf<typeof brokerClientSettings>,
  client: Pick<ConnectorContext, 'network' | 'clock' | 'clientName'>,
  reread: (() => SettingsOf<typeof brokerClientSettings>) | undefined,
) {
  const address = await brokerAddressOf(settings);
  const connect = createDialer(
    { ...address, ...client },
    reread === undefined ? undefined : () => brokerAddressOf(reread()),
  );
  return { address, connect };
}
