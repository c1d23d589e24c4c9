// The broker as the ingestor's source and sink: each logical stream is a topic of its own.
//
// Guarantees: a commit is one frame of the broker's journal, all of it or nothing. A session ends with the first failure
// of its connection, its lease or a commit; the member's epoch keeps everything it sent before from being stored later.

import { brokerGroupOf, type BrokerClient, type FetchStream } from '@pulses/broker-client';
import { freeMemory, recordEnds, type TopicAppend } from '@pulses/broker-wire';
import type {
  Connector,
  OpenSessionOptions,
  OutputCommit,
  Position,
  Session,
  SourceEvent,
  SourceStream,
  TenantOutput,
} from '@pulses/connector-api';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import type { Clock, Timer } from '@pulses/shared-ports';
import { withTimeout } from '@pulses/shared-async';
import { aggregatedTopic, deadLetterTopic, groupedTopic } from '@pulses/shared-pulse-model';

export interface FsConnectorOptions {
  /** Opens a connection; one for each session. */
  connect(): Promise<BrokerClient>;
  readonly clock: Clock;
  /** Names this process among the members, for the broker's log. */
  readonly member: string;
  /** A member that is silent for so long loses its place. */
  readonly leaseMs?: number;
  /** Source bytes fetched ahead. */
  readonly prefetchBytes?: number;
}

const LEASE_MS = 5_000;
const HEARTBEATS_A_LEASE = 4;
const PREFETCH_BYTES = 4 * 1024 * 1024;
/** How long a broker may take to hear that a member leaves. */
const LEAVE_MS_MAX = 2_000;
/** A member that is not active after so long is told to be a standby. */
const STANDBY_NOTICE_MS = 250;

export function createFsConnector(options: FsConnectorOptions): Connector {
  const sessions = new Set<Session>();
  return {
    name: 'fs',
    supports: { atomicCommit: true, standby: true },
    async openSession(request) {
      const client = await connectUntilAborted(options, request.signal);
      const abort = () => {
        client.close();
      };
      request.signal.addEventListener('abort', abort, { once: true });
      try {
        const session = await becomeActive(client, options, request, () => sessions.delete(session));
        sessions.add(session);
        return session;
      } catch (error) {
        client.close();
        request.signal.throwIfAborted();
        throw error;
      } finally {
        request.signal.removeEventListener('abort', abort);
      }
    },
    async close() {
      await Promise.all([...sessions].map((session) => session.close()));
    },
  };
}

/** @throws the signal's reason when it aborts; a connection that comes later is closed */
async function connectUntilAborted({ connect }: FsConnectorOptions, signal: AbortSignal): Promise<BrokerClient> {
  signal.throwIfAborted();
  const connecting = connect();
  return await new Promise<BrokerClient>((resolve, reject) => {
    const abort = () => {
      reject(signal.reason as Error);
      connecting.then(
        (late) => {
          late.close();
        },
        () => undefined,
      );
    };
    signal.addEventListener('abort', abort, { once: true });
    connecting.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', abort);
    });
  });
}

async function becomeActive(
  client: BrokerClient,
  options: FsConnectorOptions,
  { sourceTopic, group: groupName, signal, onStandby }: OpenSessionOptions,
  onClosed: () => void,
): Promise<Session> {
  const { clock, member, leaseMs = LEASE_MS } = options;
  signal.throwIfAborted();
  const group = brokerGroupOf(groupName, sourceTopic);
  failpoint('session.after-connect');
  const notice = clock.setTimer(STANDBY_NOTICE_MS, onStandby);
  let groupEpoch: number;
  try {
    groupEpoch = await client.joinGroup(group, member, leaseMs);
  } finally {
    notice.cancel();
  }
  failpoint('session.after-join');
  const { incarnation, startOffset } = await client.createTopic(sourceTopic);
  const positions = (await client.readPositions('', sourceTopic)).filter(
    (position) => position.incarnation === incarnation,
  );
  assertOnlyGroup(positions, group, sourceTopic);
  const stored = positions.filter((position) => position.group === group);
  failpoint('session.after-positions');
  return sessionOf(client, options, onClosed, {
    group,
    groupEpoch,
    source: { topic: sourceTopic, incarnation },
    startOffset,
    positions: new Map(stored.map(({ name, offset, metadata }) => [name, { offset, metadata }])),
    revisions: new Map(stored.map(({ name, revision }) => [name, revision])),
  });
}

/** Two groups would each publish every output of the source: twice the money. */
function assertOnlyGroup(positions: readonly { readonly group: string }[], group: string, sourceTopic: string): void {
  const suffix = brokerGroupOf('', sourceTopic);
  const other = positions.find((position) => position.group !== group && position.group.endsWith(suffix));
  if (other === undefined) return;
  const [given, taken] = [group, other.group].map((name) => name.slice(0, -suffix.length));
  throw new PulsesError(
    'CONFIG_INVALID',
    `--group: '${given}' is not valid: the group '${taken}' publishes the outputs of ${sourceTopic} already; allowed: ${taken}`,
  );
}

interface Membership {
  readonly group: string;
  readonly groupEpoch: number;
  readonly source: { readonly topic: string; readonly incarnation: string };
  readonly startOffset: number;
  readonly positions: ReadonlyMap<string, Position>;
  /** As they will be once every commit under way is stored. */
  readonly revisions: Map<string, number>;
}

function sessionOf(
  client: BrokerClient,
  { clock, leaseMs = LEASE_MS, prefetchBytes = PREFETCH_BYTES }: FsConnectorOptions,
  onClosed: () => void,
  { group, groupEpoch, source, startOffset, positions, revisions }: Membership,
): Session {
  let failure: PulsesError | undefined;
  let isClosed = false;
  let heartbeat: Timer | undefined;

  /** Ends the session with the first failure; the connection goes with it, so nothing sent later can count. */
  const fail = (error: unknown): PulsesError => {
    failure ??= isPulsesError(error) ? error : new PulsesError('CONNECTION_LOST', String(error), { cause: error });
    heartbeat?.cancel();
    client.close();
    return failure;
  };

  const beat = () => {
    client.heartbeat(group, groupEpoch).then(scheduleBeat, fail);
  };
  const scheduleBeat = () => {
    if (failure === undefined && !isClosed)
      heartbeat = clock.setTimer(leaseMs / HEARTBEATS_A_LEASE, beat, { keepAlive: false });
  };
  scheduleBeat();

  return {
    source,
    startOffset,
    positions,
    async sourceHead() {
      const topic = await client.topic(source.topic);
      if (topic === undefined) throw new PulsesError('TOPIC_UNKNOWN', `the topic '${source.topic}' was deleted`);
      return topic.nextOffset;
    },
    read: (fromOffset) => sourceStreamOf(client.fetch(source.topic, source.incarnation, fromOffset, prefetchBytes)),
    async commit(commit) {
      if (failure !== undefined) throw failure;
      const changes = [...commit.positions].map(([name, { offset, metadata }]) => {
        const expectedRevision = revisions.get(name) ?? 0;
        // Commits take effect in order or not at all, so the next one can already name the revision of this one.
        revisions.set(name, expectedRevision + 1);
        return { name, expectedRevision, offset, metadata };
      });
      try {
        failpoint('commit.before-send');
        const answered = client.commit({
          group,
          groupEpoch,
          ...source,
          positions: changes,
          appends: appendsOf(source.topic, commit),
        });
        failpoint('commit.after-send');
        await answered;
        failpoint('commit.after-answer');
      } catch (error) {
        throw fail(error);
      }
    },
    async close() {
      if (isClosed) return;
      isClosed = true;
      onClosed();
      heartbeat?.cancel();
      failpoint('session.before-leave');
      // A broker that hangs must not hold the end up: to it the closed connection says the same.
      if (failure === undefined)
        await withTimeout(
          client.leaveGroup(group, groupEpoch).catch(() => undefined),
          LEAVE_MS_MAX,
          clock,
        );
      fail(new PulsesError('CONNECTION_LOST', 'the session was closed'));
    },
  };
}

function appendsOf(sourceTopic: string, { grouped, aggregated, deadLetters }: OutputCommit): TopicAppend[] {
  const appends: TopicAppend[] = [];
  const add = (outputs: readonly TenantOutput[], topicOf: (tenant: string) => string) => {
    for (const { tenant, recordCount, payload } of outputs)
      appends.push({ topic: topicOf(tenant), recordCount, payload });
  };
  add(grouped, groupedTopic);
  add(aggregated, aggregatedTopic);
  if (deadLetters !== undefined) appends.push({ topic: deadLetterTopic(sourceTopic), ...deadLetters });
  return appends;
}

function sourceStreamOf(stream: FetchStream): SourceStream {
  let ends = new Int32Array(0);
  /** Of the event handed out last. */
  let memory: ArrayBufferLike | undefined;
  return {
    async next(): Promise<SourceEvent> {
      freeMemory(memory);
      memory = undefined;
      const event = await stream.next();
      if (event.kind === 'head') return event;
      memory = event.memory;
      const { baseOffset, recordCount, timestampMs, payload } = event.batch;
      ends = recordEnds(payload, recordCount, ends) as Int32Array<ArrayBuffer>;
      return { kind: 'records', baseOffset, recordCount, timestampMs, bytes: payload, start: 0, ends, gap: 1 };
    },
    close: () => {
      stream.close();
    },
  };
}
