// The broker's client: one connection, as calls.
//
// Guarantees: requests take effect in the order of the calls; each promise settles once. A lost connection, a broken frame
// or a late response ends the client: every pending call, and every later one, rejects with the same failure. A pending
// request may or may not have taken effect. Reconnecting is up to the caller: see `retry` of shared-async.

import {
  LIST_GROUPS_LIMIT_MAX,
  LIST_POSITIONS_LIMIT_MAX,
  LIST_TOPICS_LIMIT_MAX,
  PROTOCOL_VERSION,
  type Incarnation,
  type PositionKey,
  type ProducerStamp,
  type Request,
  type ScanPlace,
  type StoredGroup,
  type StoredPosition,
  type TopicAppend,
  type TopicInfo,
} from '@pulses/broker-wire';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import type { Clock, Network, TlsClientOptions } from '@pulses/shared-ports';
import { crc32 } from 'node:zlib';
import { Connection, type Reply } from './connection';
import { FetchEventQueue, type FetchStream } from './fetch-stream';
import { readGroups } from './group-pages';
import { checkScanned, type Scanned } from './scanned';

export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsClientOptions;
  /** Shown to the broker; never logged. */
  readonly token?: string;
}

export interface BrokerClientOptions extends BrokerAddress {
  readonly network: Network;
  readonly clock: Clock;
  /** Name of the program, for the broker's log. */
  readonly clientName: string;
}

type DeletionFields = Omit<Extract<Request, { readonly type: 'delete-position' }>, 'type'>;
type CommitFields = Omit<Extract<Request, { readonly type: 'commit' }>, 'type'>;

export interface BrokerClient {
  produce(producer: ProducerStamp, append: TopicAppend): Promise<Reply<'produced'>>;
  retireProducer(id: string, epoch: number): Promise<void>;
  commit(commit: CommitFields): Promise<Reply<'committed'>>;
  /** Removes a position that has the revision. @throws PulsesError FENCED, POSITION_CONFLICT */
  deletePosition(deletion: DeletionFields): Promise<void>;
  /** '' matches every group or topic. In the order of groups, topics and names. Read in pages: each is of one moment. */
  readPositions(group: string, topic: string): Promise<readonly StoredPosition[]>;
  /** All topics whose name starts with `prefix`, in name order. */
  listTopics(prefix: string): Promise<TopicInfo[]>;
  /** Undefined when no topic has that name. */
  topic(name: string): Promise<TopicInfo | undefined>;
  createTopic(topic: string): Promise<TopicInfo>;
  /** Deletes all of them in one step, with their positions. */
  deleteTopics(topics: readonly string[]): Promise<void>;
  /** Deletes every topic in one step, also what is written meanwhile. */
  deleteAllTopics(): Promise<void>;
  /** Resolves to the group's epoch once this is the active member, however long that takes. */
  joinGroup(group: string, member: string, leaseMs: number): Promise<number>;
  /**
   * Like `joinGroup`, and claims the outputs of the source for the group. Makes the source unless it exists.
   * @throws PulsesError OUTPUTS_OWNED while another group owns them
   */
  joinAsPublisher(group: string, member: string, leaseMs: number, source: string): Promise<number>;
  /** All groups, in name order, with all their sources. */
  listGroups(): Promise<StoredGroup[]>;
  /** Resolves to false when there is no such group. @throws PulsesError GROUP_ACTIVE while it has a member */
  deleteGroup(group: string): Promise<boolean>;
  heartbeat(group: string, groupEpoch: number): Promise<void>;
  leaveGroup(group: string, groupEpoch: number): Promise<void>;
  /** The log's clock, in milliseconds. */
  ping(): Promise<number>;
  /** Streams a topic from an offset. `incarnation` '' accepts any. */
  fetch(topic: string, incarnation: Incarnation, fromOffset: number, creditBytes: number): FetchStream;
  /** Reads on all topics of a kind; see `scan` of the protocol, and `readTopics`. @throws PulsesError PROTOCOL_VIOLATION */
  scan(like: string, from: ScanPlace): Promise<Scanned>;
  /** Resolves with the reason when the client has ended. */
  readonly ended: Promise<PulsesError>;
  /** Ends the connection. */
  close(): void;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** How a record of TLS begins that refuses bytes without TLS. */
const TLS_ALERT = [0x15, 0x03];

/**
 * Connects and says hello.
 * @throws PulsesError CONNECTION_LOST, TIMED_OUT, NOT_A_BROKER, UNAUTHENTICATED, VERSION_UNSUPPORTED, OVERLOADED
 */
export async function connectBroker(options: BrokerClientOptions): Promise<BrokerClient> {
  try {
    return await connectOnce(options);
  } catch (error) {
    if (!(error instanceof PulsesError && error.cause instanceof ClosedInHello)) throw error;
    // A broker that is stopping closes too. It does not answer a second time.
    return await connectOnce(options);
  }
}

/** The peer closed the connection in answer to the hello. */
class ClosedInHello extends Error {}

async function connectOnce(options: BrokerClientOptions): Promise<BrokerClient> {
  const { network, clock, host, port, tls, token, clientName } = options;
  const socket = await network.connect({
    host,
    port,
    timeoutMs: CONNECT_TIMEOUT_MS,
    ...(tls === undefined ? {} : { tls }),
  });
  const connection = new Connection(socket, clock, `${host}:${port}`);
  try {
    await connection.request('hello-ok', {
      type: 'hello',
      protocolVersion: PROTOCOL_VERSION,
      client: clientName,
      token: token ?? '',
    });
  } catch (error) {
    connection.close();
    throw helloFailure(error, connection.firstBytes, options);
  }
  return new ConnectedClient(connection);
}

function keyOf(position: StoredPosition | undefined): PositionKey {
  const { group = '', topic = '', name = '' } = position ?? {};
  return { group, topic, name };
}

/** What a failed hello tells about the peer. */
function helloFailure(error: unknown, firstBytes: Uint8Array, { host, port, tls }: BrokerClientOptions): unknown {
  if (!isPulsesError(error)) return error;
  const peer = `${host}:${port}`;
  if (TLS_ALERT.every((byte, index) => firstBytes[index] === byte))
    return new PulsesError('NOT_A_BROKER', `${peer} answers with TLS; set --tls or --tls-ca-file`, { cause: error });
  const noBroker = `${peer} answers, but is no Pulses broker`;
  switch (error.code) {
    case 'PROTOCOL_VIOLATION':
    case 'MESSAGE_TOO_LARGE':
      return new PulsesError('NOT_A_BROKER', noBroker, { cause: error });
    case 'CONNECTION_LOST': {
      const hint = tls === undefined ? ', or one with TLS' : '';
      const reason = 'it closed the connection after the hello';
      return new PulsesError('NOT_A_BROKER', `${noBroker}${hint}: ${reason}`, { cause: new ClosedInHello() });
    }
    case 'TIMED_OUT':
      return new PulsesError('TIMED_OUT', `${peer} did not answer the hello in time; is it a Pulses broker?`, {
        cause: error,
      });
    case 'VERSION_UNSUPPORTED':
      return new PulsesError('VERSION_UNSUPPORTED', `${peer} is a broker of another version: ${error.message}`, {
        cause: error,
      });
    default:
      return error;
  }
}

class ConnectedClient implements BrokerClient {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get ended(): Promise<PulsesError> {
    return this.#connection.ended;
  }

  close(): void {
    this.#connection.close();
  }

  produce(producer: ProducerStamp, append: TopicAppend): Promise<Reply<'produced'>> {
    const { topic, recordCount, payload, payloadCrc = crc32(payload) } = append;
    const request = { type: 'produce', producer, topic, recordCount, payloadCrc, payload } as const;
    return this.#connection.request('produced', request);
  }

  async retireProducer(id: string, epoch: number): Promise<void> {
    await this.#connection.request('done', { type: 'retire-producer', id, epoch });
  }

  commit(commit: CommitFields): Promise<Reply<'committed'>> {
    return this.#connection.request('committed', { type: 'commit', ...commit });
  }

  async deletePosition(deletion: DeletionFields): Promise<void> {
    await this.#connection.request('done', { type: 'delete-position', ...deletion });
  }

  async readPositions(group: string, topic: string): Promise<readonly StoredPosition[]> {
    const positions: StoredPosition[] = [];
    for (;;) {
      const page = await this.#connection.request('positions-page', {
        type: 'list-positions',
        group,
        topic,
        after: keyOf(positions.at(-1)),
        limit: LIST_POSITIONS_LIMIT_MAX,
      });
      positions.push(...page.positions);
      if (!page.more) return positions;
    }
  }

  async listTopics(prefix: string): Promise<TopicInfo[]> {
    const topics: TopicInfo[] = [];
    for (;;) {
      const after = topics.at(-1)?.topic ?? '';
      const page = await this.#connection.request('topics', {
        type: 'list-topics',
        prefix,
        after,
        limit: LIST_TOPICS_LIMIT_MAX,
      });
      topics.push(...page.topics);
      if (!page.more) return topics;
    }
  }

  async topic(name: string): Promise<TopicInfo | undefined> {
    // A name sorts before every longer one that starts with it.
    const request = { type: 'list-topics', prefix: name, after: '', limit: 1 } as const;
    const { topics } = await this.#connection.request('topics', request);
    return topics[0]?.topic === name ? topics[0] : undefined;
  }

  async createTopic(topic: string): Promise<TopicInfo> {
    return (await this.#connection.request('topic', { type: 'create-topic', topic })).topic;
  }

  async deleteTopics(topics: readonly string[]): Promise<void> {
    if (topics.length > 0) await this.#connection.request('done', { type: 'delete-topics', topics });
  }

  async deleteAllTopics(): Promise<void> {
    await this.#connection.request('done', { type: 'delete-topics', topics: [] });
  }

  async joinGroup(group: string, member: string, leaseMs: number): Promise<number> {
    const request = { type: 'join-group', group, member, leaseMs } as const;
    return (await this.#connection.request('group-joined', request, Infinity)).groupEpoch;
  }

  async joinAsPublisher(group: string, member: string, leaseMs: number, source: string): Promise<number> {
    const request = { type: 'join-as-publisher', group, member, leaseMs, source } as const;
    return (await this.#connection.request('group-joined', request, Infinity)).groupEpoch;
  }

  listGroups(): Promise<StoredGroup[]> {
    return readGroups((after) =>
      this.#connection.request('groups', { type: 'list-groups', after, limit: LIST_GROUPS_LIMIT_MAX }),
    );
  }

  async deleteGroup(group: string): Promise<boolean> {
    return (await this.#connection.request('group-deleted', { type: 'delete-group', group })).existed;
  }

  async heartbeat(group: string, groupEpoch: number): Promise<void> {
    await this.#connection.request('done', { type: 'heartbeat', group, groupEpoch });
  }

  async leaveGroup(group: string, groupEpoch: number): Promise<void> {
    await this.#connection.request('done', { type: 'leave-group', group, groupEpoch });
  }

  async ping(): Promise<number> {
    return (await this.#connection.request('pong', { type: 'ping' })).clockMs;
  }

  fetch(topic: string, incarnation: Incarnation, fromOffset: number, creditBytes: number): FetchStream {
    const request = { type: 'fetch', topic, incarnation, fromOffset, creditBytes } as const;
    return this.#connection.openStream(request, (control) => new FetchEventQueue(creditBytes, control));
  }

  async scan(like: string, from: ScanPlace): Promise<Scanned> {
    const { reply, memory } = await this.#connection.requestWithMemory('scanned', { type: 'scan', like, from });
    return { ...checkScanned(reply), memory };
  }
}
