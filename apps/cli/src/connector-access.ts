// How commands reach the message system.

import { connectorNames, connectorSettings, openTools } from '@pulses/connector-registry';
import type { ConnectorTools, PartitionInfo, TopicAdmin, TopicReader } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { nodeClock, nodeNetwork, nodeRandom } from '@pulses/shared-node-platform';
import { version } from '@pulses/shared-process';
import { booleanSetting, choiceSetting, type SettingsOf } from '@pulses/shared-settings';

const accessSettings = {
  connector: choiceSetting({
    flag: 'connector',
    choices: connectorNames,
    default: 'fs',
    description: 'System that carries source and outputs.',
  }),
  ...connectorSettings,
};

/** What every command that talks to a message system understands. */
export const connectorCommandSettings = {
  ...accessSettings,
  json: booleanSetting({ flag: 'json', description: 'Prints JSON, an object a line, on a terminal too.' }),
};

/** Which system, and how to reach it: data that can go to a thread. */
export type AccessSettings = SettingsOf<typeof accessSettings>;

/** Named in the log of the other side. */
const clientName = `pulses-cli/${version}`;

/** Connects to nothing yet. @throws PulsesError CONFIG_INVALID when a file of the settings can't be read */
export function toolsOf(settings: AccessSettings): Promise<ConnectorTools> {
  const platform = { network: nodeNetwork, clock: nodeClock, random: nodeRandom };
  return openTools(settings.connector, settings, { ...platform, clientName, member: clientName });
}

/** Runs `use` with a connection of its own. @throws PulsesError */
export async function withTopics<Result>(
  settings: AccessSettings,
  use: (topics: TopicAdmin) => Promise<Result>,
): Promise<Result> {
  return await withConnections(settings, 1, ([topics]) => use(topics as TopicAdmin));
}

/**
 * Runs `use` with several connections, and closes them. The broker reads for one connection at a time: a large number
 * of small topics arrives sooner over several.
 */
export async function withConnections<Result>(
  settings: AccessSettings,
  count: number,
  use: (connections: readonly TopicAdmin[]) => Promise<Result>,
): Promise<Result> {
  const tools = await toolsOf(settings);
  const connections: TopicAdmin[] = [];
  try {
    while (connections.length < count) connections.push(await tools.connect());
    return await use(connections);
  } finally {
    for (const connection of connections) connection.close();
  }
}

/** The partitions of a topic, at least one. @throws PulsesError TOPIC_UNKNOWN */
export async function findPartitions(topics: TopicReader, topic: string): Promise<PartitionInfo[]> {
  const partitions = await topics.partitions(topic);
  if (partitions.length === 0) throw new PulsesError('TOPIC_UNKNOWN', `topic ${topic} does not exist`);
  return partitions;
}
