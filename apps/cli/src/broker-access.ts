// How commands reach the broker.

import {
  brokerAddressOf,
  brokerClientSettings,
  connectBroker,
  type BrokerAddress,
  type BrokerClient,
} from '@pulses/connector-fs';
import type { TopicInfo } from '@pulses/broker-wire';
import { PulsesError } from '@pulses/shared-errors';
import { nodeClock, nodeNetwork } from '@pulses/shared-node-platform';
import { version } from '@pulses/shared-process';
import { booleanSetting, type SettingsOf } from '@pulses/shared-settings';

/** What every command that talks to a broker understands. */
export const brokerCommandSettings = {
  ...brokerClientSettings,
  json: booleanSetting({ flag: 'json', description: 'Prints JSON, an object a line, on a terminal too.' }),
};

/** The calls of a client that only look. */
export type BrokerReader = Pick<BrokerClient, 'fetch' | 'listTopics' | 'readPositions'>;

/** Opens connections. @throws PulsesError CONFIG_INVALID when the certificates can't be read */
export async function connectorOf(
  settings: SettingsOf<typeof brokerClientSettings>,
): Promise<() => Promise<BrokerClient>> {
  const address = await brokerAddressOf(settings);
  return () => connectTo(address);
}

/** Runs `use` with a connection of its own. @throws PulsesError */
export async function withBroker<Result>(
  settings: SettingsOf<typeof brokerClientSettings>,
  use: (client: BrokerClient) => Promise<Result>,
): Promise<Result> {
  return withConnections(await brokerAddressOf(settings), 1, ([client]) => use(client as BrokerClient));
}

/**
 * The same with several connections. The broker reads for one connection at a time, so that many small topics arrive sooner
 * over a few.
 */
export async function withConnections<Result>(
  address: BrokerAddress,
  count: number,
  use: (clients: readonly BrokerClient[]) => Promise<Result>,
): Promise<Result> {
  const clients: BrokerClient[] = [];
  try {
    while (clients.length < count) clients.push(await connectTo(address));
    return await use(clients);
  } finally {
    for (const client of clients) client.close();
  }
}

function connectTo(address: BrokerAddress): Promise<BrokerClient> {
  return connectBroker({ ...address, network: nodeNetwork, clock: nodeClock, clientName: `pulses-cli/${version}` });
}

/** What the broker tells of a topic, without making it. @throws PulsesError TOPIC_UNKNOWN */
export async function findTopic(client: BrokerReader, topic: string): Promise<TopicInfo> {
  const info = (await client.listTopics(topic)).find((candidate) => candidate.topic === topic);
  if (info === undefined) throw new PulsesError('TOPIC_UNKNOWN', `topic ${topic} does not exist`);
  return info;
}
