// The broker as the ingestor's source and sink: each logical stream is a topic of its own.
//
// Guarantees: a commit is one frame of the broker's journal, all of it or nothing. A session ends with the first failure
// of its connection, its lease or a commit. The group's epoch then fences everything that the member sent before.

import { brokerGroupOf, type BrokerClient } from '@pulses/broker-client';
import type { StoredPosition, TopicInfo } from '@pulses/broker-wire';
import type { Connector, OpenSessionOptions, Session } from '@pulses/connector-api';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import type { Clock } from '@pulses/shared-ports';
import { FsSession } from './fs-session';

export interface FsConnectorOptions {
  /** Opens a connection; one for each session. */
  connect(): Promise<BrokerClient>;
  readonly clock: Clock;
  /** Names this process among the members, for the broker's log. */
  readonly member: string;
  /** A member that stays silent for this long loses its place. */
  readonly leaseMs?: number;
  /** Source bytes fetched ahead. */
  readonly prefetchBytes?: number;
}

const LEASE_MS = 5_000;
const PREFETCH_BYTES = 4 * 1024 * 1024;
/** A member that is not active by then is told that it stands by. */
const STANDBY_NOTICE_MS = 250;

export class FsConnector implements Connector {
  readonly name = 'fs';
  readonly supports = { atomicCommit: true, standby: true, partitions: false };
  readonly #options: FsConnectorOptions;
  readonly #sessions = new Set<Session>();

  constructor(options: FsConnectorOptions) {
    this.#options = options;
  }

  async openSession(request: OpenSessionOptions): Promise<Session> {
    const { signal } = request;
    const client = await this.#connect(signal);
    const abort = () => {
      client.close();
    };
    signal.addEventListener('abort', abort, { once: true });
    try {
      const session = await this.#becomeActive(client, request);
      this.#sessions.add(session);
      return session;
    } catch (error) {
      client.close();
      signal.throwIfAborted();
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.close()));
  }

  /** @throws the signal's reason when it aborts; a connection that comes later is closed */
  async #connect(signal: AbortSignal): Promise<BrokerClient> {
    signal.throwIfAborted();
    const connecting = this.#options.connect();
    return await new Promise<BrokerClient>((resolve, reject) => {
      const abort = () => {
        reject(signal.reason as Error);
        connecting.then(
          (client) => {
            client.close();
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

  /** Joins the group and reads where it stands. Waits while another member is active. */
  async #becomeActive(
    client: BrokerClient,
    { sourceTopic, group: groupName, signal, onStandby }: OpenSessionOptions,
  ): Promise<Session> {
    const { clock, member, leaseMs = LEASE_MS, prefetchBytes = PREFETCH_BYTES } = this.#options;
    signal.throwIfAborted();
    const group = brokerGroupOf(groupName, sourceTopic);
    failpoint('session.after-connect');
    const notice = clock.setTimer(STANDBY_NOTICE_MS, () => {
      onStandby(() => client.ping());
    });
    let groupEpoch: number;
    try {
      groupEpoch = await client.joinAsPublisher(group, member, leaseMs, sourceTopic);
    } catch (error) {
      throw await asSettingError(error, client, groupName, sourceTopic);
    } finally {
      notice.cancel();
    }
    failpoint('session.after-join');
    const source = await client.createTopic(sourceTopic);
    const { incarnation, startOffset } = source;
    const positions = await client.readPositions(group, sourceTopic);
    const stored = positions.filter((position) => position.incarnation === incarnation);
    for (const position of stored) checkWithin(source, position);
    failpoint('session.after-positions');
    const session: Session = new FsSession({
      client,
      clock,
      leaseMs,
      prefetchBytes,
      group,
      groupEpoch,
      source: { topic: sourceTopic, incarnation },
      startOffset,
      stored,
      onClosed: () => this.#sessions.delete(session),
    });
    return session;
  }
}

/** Brokers of older versions stored any offset. @throws PulsesError OFFSET_OUT_OF_RANGE */
function checkWithin({ topic, startOffset, nextOffset }: TopicInfo, { group, name, offset }: StoredPosition): void {
  if (offset >= startOffset && offset <= nextOffset) return;
  throw new PulsesError(
    'OFFSET_OUT_OF_RANGE',
    `the position ${name} of ${group} is at ${offset}: ${topic} holds the offsets ${startOffset} to ${nextOffset}; ` +
      `'pulses positions set ${group} ${topic} ${name} OFFSET --yes' mends it`,
  );
}

/** Two groups would each publish every output of the source: the broker lets one do so, and the user hears which. */
async function asSettingError(
  error: unknown,
  client: BrokerClient,
  group: string,
  sourceTopic: string,
): Promise<unknown> {
  if (!isPulsesError(error, 'OUTPUTS_OWNED')) return error;
  const owner = (await client.listGroups()).find(({ sources }) => sources.includes(sourceTopic));
  // Deleted meanwhile: the next session may have the outputs.
  if (owner === undefined) return new PulsesError('CONNECTION_LOST', error.message, { cause: error });
  const suffix = brokerGroupOf('', sourceTopic);
  const taken = owner.group.endsWith(suffix) ? owner.group.slice(0, -suffix.length) : owner.group;
  return new PulsesError(
    'CONFIG_INVALID',
    `--group: '${group}' is not valid: the group '${taken}' publishes the outputs of ${sourceTopic}; allowed: ${taken}, ` +
      `or another one after 'pulses groups delete ${owner.group}'`,
    { cause: error },
  );
}
