// A real Apache Kafka for tests: the one of KAFKA_BROKERS, else one node that the run of specs shares, else a cluster of the
// suite's own.
//
// Guarantees: loopback only, own ports and directory; no node outlives its owner, even one that is killed.

import { freePort, makeTempDirectory } from '@pulses/testing-processes';
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KafkaNode } from './kafka-node';
import { formatStorage, freshUuid, kafkaFiles, provideKafkaPrograms, type KafkaVersion } from './kafka-programs';
import {
  addScramUsers,
  makeCertificates,
  securityProperties,
  type KafkaCertificates,
  type KafkaListener,
  type KafkaUser,
} from './kafka-security';

const HOST = '127.0.0.1';

export interface KafkaOptions {
  /** Without it, the newest. */
  readonly version?: KafkaVersion;
  readonly nodes?: 1 | 3;
  /** Additional properties of every node. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Listeners beside PLAINTEXT, where a client is `User:ANONYMOUS`, which may do everything. */
  readonly listeners?: readonly Exclude<KafkaListener, 'PLAINTEXT'>[];
  /** Users of the SASL listeners, for each mechanism. */
  readonly users?: readonly KafkaUser[];
  /** The listeners with TLS ask for a certificate that the authority signed. */
  readonly clientCertificates?: boolean;
  /** Refuses what no rule allows. Rules are made through the PLAINTEXT listener. */
  readonly acls?: boolean;
  /** A further listener tells clients this port of loopback instead of its own, where a proxy listens. One node only. */
  readonly advertisedPort?: number;
  /** Where each node keeps its logs, such as a small file system; without it, a temporary directory. */
  readonly dataDirectory?: string;
  /** 1: as before KIP-890, with AddPartitionsToTxn and AddOffsetsToTxn. */
  readonly transactionVersion?: 1 | 2;
  readonly tunedFor?: 'start' | 'throughput';
  readonly heapMiB?: number;
  /** The process that the nodes must not outlive; without it, this one. */
  readonly ownerPid?: number;
}

export interface KafkaServer {
  /** `host:port,…` of the PLAINTEXT listener. */
  readonly brokers: string;
  /** Unique to the suite, since others may use the same server. */
  readonly topicPrefix: string;
  /** `host:port,…` of a listener. @throws TypeError when the server has no such listener */
  brokersOf(listener: KafkaListener): string;
  /** Where a proxy for `advertisedPort` connects to. */
  readonly proxiedPort: number;
  /** Present with a TLS listener. */
  readonly certificates: KafkaCertificates | undefined;
  /** Empty for the one of KAFKA_BROKERS and a shared one. */
  readonly nodes: readonly KafkaNode[];
  /** Kills every node by SIGKILL. Their files stay. */
  kill(): Promise<void>;
  /** Kills every node that runs, and starts all again on the same ports and files. */
  restart(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Ends the nodes and removes their files. */
  stop(): Promise<void>;
}

/** Starts a cluster of the suite's own. @throws Error with instructions to get one */
export async function startOwnKafka(options: KafkaOptions = {}): Promise<KafkaServer> {
  const programs = await provideKafkaPrograms(options.version ?? '4.4.0');
  const directory = await makeTempDirectory();
  try {
    const ids = options.nodes === 3 ? [1, 2, 3] : [1];
    const listeners: readonly KafkaListener[] = ['PLAINTEXT', ...(options.listeners ?? [])];
    const certificates = listeners.some((name) => name.endsWith('SSL'))
      ? await makeCertificates(directory.path)
      : undefined;
    const ports = await portsOf(ids, [...listeners, 'CONTROLLER', 'PROXIED']);
    const clusterId = freshUuid();
    await copyFile(join(kafkaFiles(), 'log4j2.yaml'), join(directory.path, 'log4j2.yaml'));
    const nodes: KafkaNode[] = [];
    for (const nodeId of ids) {
      const path = join(directory.path, String(nodeId));
      const data = join(options.dataDirectory ?? directory.path, `data-${nodeId}`);
      await Promise.all([path, data].map((place) => mkdir(place, { recursive: true })));
      const propertiesPath = join(path, 'server.properties');
      const properties = { ...nodeProperties(nodeId, ports, listeners, options, certificates), 'log.dirs': data };
      await writeFile(propertiesPath, textOf(properties), { mode: 0o600 });
      const place = { directory: directory.path, propertiesPath, data, nodeId, clusterId };
      await formatStorage(programs, place, options.transactionVersion ?? 2);
      const { tunedFor = 'start', heapMiB = ids.length === 3 ? 384 : 512, ownerPid } = options;
      const owner = ownerPid === undefined ? {} : { ownerPid };
      nodes.push(
        new KafkaNode(programs, { id: nodeId, directory: directory.path, path }, { heapMiB, tunedFor, ...owner }),
      );
    }
    const all = (act: (node: KafkaNode) => Promise<void>) => Promise.all(nodes.map(act)).then(() => undefined);
    const kill = () => all((node) => node.kill());
    try {
      await all((node) => node.start());
      if (options.users !== undefined) await addScramUsers(addresses([1], ports, 'PLAINTEXT'), options.users);
    } catch (error) {
      await kill();
      throw error;
    }
    const brokersOf = (listener: KafkaListener) => addresses(ids, ports, listener);
    return {
      brokers: brokersOf('PLAINTEXT'),
      topicPrefix: freshPrefix(),
      brokersOf,
      proxiedPort: portOf(ports, 1, 'PROXIED'),
      certificates,
      nodes,
      kill,
      restart: async () => {
        await kill();
        await all((node) => node.start());
      },
      pause: () => all((node) => node.pause()),
      resume: () => all((node) => node.resume()),
      async stop() {
        await kill();
        await directory.remove();
      },
    };
  } catch (error) {
    await directory.remove();
    throw error;
  }
}

/** A server that the suite uses and does not own. */
export function foreignKafka(brokers: string, reason: string): KafkaServer {
  const refuse = () => Promise.reject(new TypeError(`the suite cannot stop ${reason}; ask for a server of its own`));
  return {
    brokers,
    topicPrefix: freshPrefix(),
    brokersOf(listener) {
      if (listener !== 'PLAINTEXT') throw new TypeError(`${reason} has no listener ${listener}`);
      return brokers;
    },
    proxiedPort: 0,
    certificates: undefined,
    nodes: [],
    kill: refuse,
    restart: refuse,
    pause: refuse,
    resume: refuse,
    stop: () => Promise.resolve(),
  };
}

const freshPrefix = () => `test-${randomBytes(6).toString('hex')}`;

type Ports = ReadonlyMap<string, number>;

async function portsOf(ids: readonly number[], names: readonly string[]): Promise<Ports> {
  const ports = new Map<string, number>();
  for (const id of ids) for (const name of names) ports.set(`${id} ${name}`, await freePort());
  return ports;
}

function portOf(ports: Ports, id: number, listener: string): number {
  const port = ports.get(`${id} ${listener}`);
  if (port === undefined) throw new TypeError(`the server has no listener ${listener}`);
  return port;
}

const addresses = (ids: readonly number[], ports: Ports, listener: string): string =>
  ids.map((id) => `${HOST}:${portOf(ports, id, listener)}`).join(',');

function nodeProperties(
  id: number,
  ports: Ports,
  listeners: readonly KafkaListener[],
  options: KafkaOptions,
  certificates: KafkaCertificates | undefined,
): Record<string, string> {
  const count = options.nodes ?? 1;
  const ids = count === 3 ? [1, 2, 3] : [1];
  const proxied = options.advertisedPort === undefined ? [] : ['PROXIED'];
  const served = [...listeners, ...proxied];
  const at = (name: string) => `${name}://${HOST}:${portOf(ports, id, name)}`;
  const told = (name: string) => (name === 'PROXIED' ? `PROXIED://${HOST}:${options.advertisedPort ?? 0}` : at(name));
  const [replicas, replicasMin] = [String(count), count === 3 ? '2' : '1'];
  return {
    'process.roles': 'broker,controller',
    'node.id': String(id),
    'controller.quorum.voters': ids.map((node) => `${node}@${HOST}:${portOf(ports, node, 'CONTROLLER')}`).join(','),
    listeners: [...served, 'CONTROLLER'].map(at).join(','),
    'advertised.listeners': served.map(told).join(','),
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': [
      ...listeners.map((name) => `${name}:${name}`),
      ...proxied.map((name) => `${name}:PLAINTEXT`),
      'CONTROLLER:PLAINTEXT',
    ].join(','),
    'inter.broker.listener.name': 'PLAINTEXT',
    'default.replication.factor': replicas,
    'min.insync.replicas': replicasMin,
    'offsets.topic.num.partitions': '4',
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.num.partitions': '4',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': replicasMin,
    'share.coordinator.state.topic.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': replicasMin,
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
    'log.message.timestamp.type': 'LogAppendTime',
    // A killed node may register again once its session is over.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    ...securityProperties(listeners, options.users ?? [], certificates),
    ...(options.clientCertificates === true ? { 'ssl.client.auth': 'required' } : {}),
    ...(options.acls === true
      ? {
          'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
          'super.users': 'User:ANONYMOUS',
        }
      : {}),
    ...options.properties,
  };
}

function textOf(properties: Readonly<Record<string, string>>): string {
  return Object.entries(properties)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}
