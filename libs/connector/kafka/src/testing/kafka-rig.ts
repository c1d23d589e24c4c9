// Members and tools of any group on a real Kafka.

import { tenantColumns, type OutputCommit, type Session, type TopicAdmin } from '@pulses/connector-api';
import { readTopic, startKafka, writeLines } from '@pulses/testing-services';
import type { KafkaConnector } from '../kafka-connector';
import type { BrokerCluster } from '../protocol/broker-cluster';
import { connectTestCluster } from './test-cluster';
import { testPartsOn } from './test-parts';

const TENANT = 'acme';

export interface KafkaRig {
  readonly cluster: BrokerCluster;
  /** Makes a source with messages in each of two partitions. */
  makeSource(messages: number): Promise<string>;
  /** The next partition's session, of a process of its own. */
  open(group: string, source: string): Promise<Session>;
  /** Sessions of all partitions, of one process, by partition. */
  openAll(group: string, source: string): Promise<Session[]>;
  /** Ends every process. */
  leave(): Promise<void>;
  tools(): Promise<TopicAdmin>;
  /** Grouped lines of all sources. */
  lines(): Promise<string[]>;
  close(): Promise<void>;
}

/** One grouped line, and positions by name. */
export function commitAt(line: string, positions: Readonly<Record<string, number>>): OutputCommit {
  return {
    grouped: tenantColumns([{ tenant: TENANT, recordCount: 1, payload: Buffer.from(`${line}\n`) }]),
    aggregated: undefined,
    deadLetters: undefined,
    positions: new Map(Object.entries(positions).map(([name, offset]) => [name, { offset, metadata: '' }])),
  };
}

export async function startKafkaRig(properties: Readonly<Record<string, string>> = {}): Promise<KafkaRig> {
  const server = await startKafka({ properties });
  const cluster = connectTestCluster(server.brokers);
  const parts = testPartsOn(server, 2);
  const { signal } = new AbortController();
  const connectors: KafkaConnector[] = [];
  const admins: TopicAdmin[] = [];
  let sources = 0;

  const startMember = () => {
    const connector = parts.createConnector({ member: 'rig', sessionTimeoutMs: 6_000, compression: 'none' });
    connectors.push(connector);
    return (group: string, sourceTopic: string) =>
      connector.openSession({ sourceTopic, group, signal, onStandby: () => undefined });
  };
  const leave = async () => {
    await Promise.all(connectors.splice(0).map((connector) => connector.close()));
  };

  return {
    cluster,
    async makeSource(messages) {
      const source = `${server.topicPrefix}.source-${(sources += 1)}`;
      await parts.prepare(cluster, source, signal);
      const lines = Array.from({ length: messages }, (_, index) => `message ${index}`);
      for (const partition of [0, 1]) await writeLines({ brokers: server.brokers, topic: source, partition }, lines);
      return source;
    },
    open: (group, source) => startMember()(group, source),
    async openAll(group, source) {
      const open = startMember();
      const sessions = [await open(group, source), await open(group, source)];
      return sessions.sort((a, b) => (a.source.partition ?? 0) - (b.source.partition ?? 0));
    },
    leave,
    async tools() {
      const admin = await parts.createTools().connect();
      admins.push(admin);
      return admin;
    },
    async lines() {
      const records = await readTopic({ brokers: server.brokers, topic: parts.groupedTopic });
      return records.map(({ value }) => value?.toString() ?? '');
    },
    async close() {
      await leave();
      for (const admin of admins) admin.close();
      await cluster.close();
      await server.stop();
    },
  };
}
