// The broker as the ingestor's source and sink: each logical stream is a topic of its own.
//
// Guarantees: a commit is one frame of the broker's journal, all of it or nothing. A session ends with the first failure
// of its connection, its lease or a commit. The group's epoch then fences everything that the member sent before.

import { brokerGroupOf, type BrokerClient } from '@pulses/broker-client';
import type { Connector, OpenSessionOptions, Session } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
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
  readonly supports = { atomicCommit: true, standby: true };
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
      stored: positions.filter((position) => position.group === group),
      onClosed: () => this.#sessions.delete(session),
    });
    return session;
  }
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
