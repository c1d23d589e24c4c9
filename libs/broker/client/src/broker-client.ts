// One connection to a broker, as calls.
//
// Guarantees: requests take effect in the order of the calls; each promise settles once. A lost connection, a broken
// frame or an answer overdue ends the client: every call under way, and every later one, rejects with the same failure.
// What was under way then may or may not have been done. Reconnecting is the caller's: see `retry` of the service host.

import {
  createFrameAssembler,
  decodeResponse,
  encodeRequest,
  LIST_TOPICS_LIMIT_MAX,
  PREAMBLE,
  PROTOCOL_VERSION,
  type Frame,
  type Incarnation,
  type ProducerStamp,
  type Request,
  type Response,
  type ResponseType,
  type StoredPosition,
  type TopicAppend,
  type TopicInfo,
} from '@pulses/broker-wire';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import type { Clock, Network, Socket, Timer, TlsClientOptions } from '@pulses/shared-ports';
import { errorOf } from './error-of';
import { createFetchStream, type FetchStream, type FetchStreamFeed } from './fetch-stream';

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

type Reply<Type extends ResponseType> = Extract<Response, { readonly type: Type }>;
type CommitFields = Omit<Extract<Request, { readonly type: 'commit' }>, 'type'>;

export interface BrokerClient {
  produce(producer: ProducerStamp, append: TopicAppend): Promise<Reply<'produced'>>;
  retireProducer(id: string, epoch: number): Promise<void>;
  commit(commit: CommitFields): Promise<Reply<'committed'>>;
  /** '' matches every group or topic. */
  readPositions(group: string, topic: string): Promise<readonly StoredPosition[]>;
  /** All topics whose name starts with `prefix`, in name order. */
  listTopics(prefix: string): Promise<TopicInfo[]>;
  /** One topic, undefined when there is none of that name. */
  topic(name: string): Promise<TopicInfo | undefined>;
  createTopic(topic: string): Promise<TopicInfo>;
  /** All of them in one step, and their positions. */
  deleteTopics(topics: readonly string[]): Promise<void>;
  /** Every topic there is, in one step: nothing that is being written meanwhile is left behind alone. */
  deleteAllTopics(): Promise<void>;
  /** Resolves to the group's epoch once this is the active member, however long that takes. */
  joinGroup(group: string, member: string, leaseMs: number): Promise<number>;
  heartbeat(group: string, groupEpoch: number): Promise<void>;
  leaveGroup(group: string, groupEpoch: number): Promise<void>;
  /** The log's clock, in milliseconds. */
  ping(): Promise<number>;
  /** Streams a topic from an offset. `incarnation` '' accepts any. */
  fetch(topic: string, incarnation: Incarnation, fromOffset: number, creditBytes: number): FetchStream;
  /** Resolves with the reason when the client has ended. */
  readonly ended: Promise<PulsesError>;
  /** Ends the connection. */
  close(): void;
}

const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 30_000;
const TIMEOUT_CHECK_MS = 1_000;

interface Pending {
  readonly expected: ResponseType;
  /** Monotonic; Infinity for a request that may wait. */
  readonly deadlineMs: number;
  resolve(response: Response): void;
  reject(error: PulsesError): void;
}

/**
 * Connects and says hello.
 * @throws PulsesError CONNECTION_LOST, TIMED_OUT, UNAUTHENTICATED, VERSION_UNSUPPORTED, OVERLOADED
 */
export async function connectBroker(options: BrokerClientOptions): Promise<BrokerClient> {
  const { network, clock, host, port, tls, token, clientName } = options;
  const socket = await network.connect({
    host,
    port,
    timeoutMs: CONNECT_TIMEOUT_MS,
    ...(tls === undefined ? {} : { tls }),
  });
  const connection = createConnection(socket, clock, `${host}:${port}`);
  socket.write(PREAMBLE);
  try {
    await connection.request('hello-ok', {
      type: 'hello',
      protocolVersion: PROTOCOL_VERSION,
      client: clientName,
      token: token ?? '',
    });
  } catch (error) {
    if (!isPulsesError(error, 'PROTOCOL_VIOLATION') && !isPulsesError(error, 'MESSAGE_TOO_LARGE')) throw error;
    throw new PulsesError(
      'PROTOCOL_VIOLATION',
      `${host}:${port} does not answer like a broker of Pulses (${error.message})`,
      {
        cause: error,
      },
    );
  }
  return clientOf(connection);
}

interface Connection {
  request<Type extends ResponseType>(expected: Type, request: Request, timeoutMs?: number): Promise<Reply<Type>>;
  /** Opens a stream of responses. */
  stream(request: Request, feed: (control: StreamControl) => FetchStreamFeed): void;
  readonly ended: Promise<PulsesError>;
  close(): void;
}

interface StreamControl {
  credit(bytes: number): void;
  stop(): void;
}

function createConnection(socket: Socket, clock: Clock, peer: string): Connection {
  const assembler = createFrameAssembler({ ownsChunks: true });
  const pending = new Map<number, Pending>();
  const feeds = new Map<number, FetchStreamFeed>();
  let lastCorrelation = 0;
  let failure: PulsesError | undefined;
  let timer: Timer | undefined;
  let tellEnd: (reason: PulsesError) => void = () => undefined;
  const ended = new Promise<PulsesError>((resolve) => {
    tellEnd = resolve;
  });

  const end = (reason: PulsesError) => {
    if (failure !== undefined) return;
    failure = reason;
    timer?.cancel();
    socket.destroy();
    for (const call of pending.values()) call.reject(reason);
    for (const feed of feeds.values()) feed.fail(reason);
    pending.clear();
    feeds.clear();
    tellEnd(reason);
  };

  const send = (correlation: number, request: Request) => {
    const parts = encodeRequest(correlation, request);
    socket.cork();
    for (const part of parts) socket.write(part);
    socket.uncork();
  };

  const nextCorrelation = () => {
    lastCorrelation = lastCorrelation === 0xffff_ffff ? 1 : lastCorrelation + 1;
    return lastCorrelation;
  };

  const take = (frame: Frame) => {
    const response = decodeResponse(frame);
    const feed = feeds.get(frame.correlation);
    if (feed !== undefined) {
      if (feed.push(response, frame.memory) === 'ended') feeds.delete(frame.correlation);
      return;
    }
    if (response.type === 'error' && frame.correlation === 0) {
      end(errorOf(response));
      return;
    }
    const call = pending.get(frame.correlation);
    // The rest of a stream that was stopped.
    if (call === undefined) return;
    pending.delete(frame.correlation);
    if (response.type === 'error') call.reject(errorOf(response));
    else if (response.type === call.expected) call.resolve(response);
    else end(new PulsesError('PROTOCOL_VIOLATION', `${response.type} came for ${call.expected}`));
  };

  const checkTimeouts = () => {
    const nowMs = clock.monotonicMs();
    for (const { expected, deadlineMs } of pending.values())
      if (deadlineMs <= nowMs) {
        end(new PulsesError('TIMED_OUT', `${peer} did not answer in time (${expected})`));
        return;
      }
    timer = clock.setTimer(TIMEOUT_CHECK_MS, checkTimeouts, { keepAlive: false });
  };
  timer = clock.setTimer(TIMEOUT_CHECK_MS, checkTimeouts, { keepAlive: false });

  socket.handle({
    onData(bytes) {
      try {
        for (const frame of assembler.push(bytes)) take(frame);
      } catch (error) {
        if (!isPulsesError(error)) throw error;
        end(error);
      }
    },
    onDrain: () => undefined,
    onEnd() {
      end(new PulsesError('CONNECTION_LOST', `${peer} closed the connection`));
    },
    onClose(error) {
      end(new PulsesError('CONNECTION_LOST', `the connection to ${peer} broke`, { cause: error }));
    },
  });

  return {
    ended,
    request: (expected, request, timeoutMs = REQUEST_TIMEOUT_MS) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) {
          reject(failure);
          return;
        }
        const correlation = nextCorrelation();
        // Encoded before it counts as pending: a request that is too large is the caller's failure alone.
        send(correlation, request);
        pending.set(correlation, {
          expected,
          deadlineMs: clock.monotonicMs() + timeoutMs,
          // The type was compared with `expected`.
          resolve: resolve as (response: Response) => void,
          reject,
        });
      }),
    stream(request, feed) {
      const correlation = nextCorrelation();
      const opened = feed({
        credit: (bytes) => {
          if (failure === undefined && feeds.has(correlation)) send(correlation, { type: 'credit', bytes });
        },
        stop: () => {
          if (feeds.delete(correlation) && failure === undefined) send(correlation, { type: 'stop-fetch' });
        },
      });
      if (failure !== undefined) {
        opened.fail(failure);
        return;
      }
      feeds.set(correlation, opened);
      send(correlation, request);
    },
    close() {
      end(new PulsesError('CONNECTION_LOST', `the connection to ${peer} was closed`));
    },
  };
}

function clientOf(connection: Connection): BrokerClient {
  const { request } = connection;
  return {
    ended: connection.ended,
    close: () => {
      connection.close();
    },
    produce: (producer, append) => request('produced', { type: 'produce', producer, ...append }),
    async retireProducer(id, epoch) {
      await request('done', { type: 'retire-producer', id, epoch });
    },
    commit: (commit) => request('committed', { type: 'commit', ...commit }),
    readPositions: async (group, topic) =>
      (await request('positions', { type: 'read-positions', group, topic })).positions,
    async listTopics(prefix) {
      const topics: TopicInfo[] = [];
      for (;;) {
        const after = topics.at(-1)?.topic ?? '';
        const page = await request('topics', { type: 'list-topics', prefix, after, limit: LIST_TOPICS_LIMIT_MAX });
        topics.push(...page.topics);
        if (!page.more) return topics;
      }
    },
    async topic(name) {
      // A name sorts before every longer one that starts with it.
      const { topics } = await request('topics', { type: 'list-topics', prefix: name, after: '', limit: 1 });
      return topics[0]?.topic === name ? topics[0] : undefined;
    },
    createTopic: async (topic) => (await request('topic', { type: 'create-topic', topic })).topic,
    async deleteTopics(topics) {
      if (topics.length > 0) await request('done', { type: 'delete-topics', topics });
    },
    async deleteAllTopics() {
      await request('done', { type: 'delete-topics', topics: [] });
    },
    joinGroup: async (group, member, leaseMs) =>
      (await request('group-joined', { type: 'join-group', group, member, leaseMs }, Infinity)).groupEpoch,
    async heartbeat(group, groupEpoch) {
      await request('done', { type: 'heartbeat', group, groupEpoch });
    },
    async leaveGroup(group, groupEpoch) {
      await request('done', { type: 'leave-group', group, groupEpoch });
    },
    ping: async () => (await request('pong', { type: 'ping' })).clockMs,
    fetch: (topic, incarnation, fromOffset, creditBytes) =>
      createFetchStream(creditBytes, (feed) => {
        connection.stream({ type: 'fetch', topic, incarnation, fromOffset, creditBytes }, feed);
      }),
  };
}
