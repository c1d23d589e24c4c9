// How commands reach the broker.

import {
  brokerAddressOf,
  brokerClientSettings,
  connectBroker,
  withConnections,
  type BrokerAddress,
  type BrokerClient,
  type BrokerClientOptions,
} from '@pulses/broker-client';
import { nodeClock, nodeNetwork } from '@pulses/shared-node-platform';
import { version } from '@pulses/shared-process';
import { booleanSetting, type SettingsOf } from '@pulses/shared-settings';

/** What every command that talks to a broker understands. */
export const brokerCommandSettings = {
  ...brokerClientSettings,
  json: booleanSetting({ flag: 'json', description: 'Prints JSON, an object a line, on a terminal too.' }),
};

/** Opens connections. @throws PulsesError CONFIG_INVALID when the certificates can't be read */
export async function connectorOf(
  settings: SettingsOf<typeof brokerClientSettings>,
): Promise<() => Promise<BrokerClient>> {
  const address = await brokerAddressOf(settings);
  return () => connectBroker(clientOptionsOf(address));
}

/** Runs `use` with a connection of its own. @throws PulsesError */
export async function withBroker<Result>(
  settings: SettingsOf<typeof brokerClientSettings>,
  use: (client: BrokerClient) => Promise<Result>,
): Promise<Result> {
  const options = clientOptionsOf(await brokerAddressOf(settings));
  return withConnections(options, 1, ([client]) => use(client as BrokerClient));
}

/** The client of this program. */
export function clientOptionsOf(address: BrokerAddress): BrokerClientOptions {
  return { ...address, network: nodeNetwork, clock: nodeClock, clientName };
}

/** Named in the broker's log. */
export const clientName = `pulses-cli/${version}`;
