// An idempotent producer for one topic that outlives its connections.
//
// Guarantees: batches are stored in the order of `send`, each exactly once, however often the connection breaks. A batch
// that is not acknowledged is sent again under the same sequence number; the broker answers a number it knows with the
// first result. Survives a restart of the broker, not one of this process.
//
// A broker forgets a producer that stored nothing for PRODUCER_KEPT_MS, and would take its first batch, sent again, for
// that of a new one. So this asks for the log's clock before the first batch is sent, and again before it is repeated.
// Once so much time has passed, the producer fails with PRODUCER_EXPIRED. After half of that time without a batch it
// takes a new id. A later batch than the first is never stored twice: a broker that has forgotten refuses it.
// Bounds: `inFlightMax` batches in flight; the caller bounds the rest by awaiting `ready`.

import {
  payloadOf,
  PRODUCER_IN_FLIGHT_MAX,
  PRODUCER_KEPT_MS,
  PRODUCER_RESULTS_KEPT,
  type TopicAppend,
} from '@pulses/broker-wire';
import { backoffMs, Condition, delay } from '@pulses/shared-async';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import type { Clock, Random } from '@pulses/shared-ports';
import type { BrokerClient } from './broker-client';

const BACKOFF = { delayMsMin: 50, delayMsMax: 5_000 };
/** A producer never changes its epoch: its id is new for each process. */
const EPOCH = 0;

export interface ProducerOptions {
  /** Opens a connection; called again after each loss. */
  connect(): Promise<BrokerClient>;
  readonly topic: string;
  readonly clock: Clock;
  readonly random: Random;
  /** At most PRODUCER_RESULTS_KEPT: the broker must still know each of them when they are repeated. */
  readonly inFlightMax?: number;
  /** Called before each wait for another attempt; `attempt` counts them from 1 since the last success. */
  onRetry?(error: PulsesError, attempt: number, delayMs: number): void;
}

interface Batch {
  readonly sequence: number;
  readonly append: TopicAppend;
  /** It was sent at least once, so it may be stored. */
  isSent: boolean;
  resolve(): void;
  reject(error: PulsesError): void;
}

type State =
  /** Nothing was sent yet. */
  | { readonly kind: 'idle' }
  | { readonly kind: 'connecting' }
  /** The first `inFlight` batches are on their way over `client`. */
  | { readonly kind: 'connected'; readonly client: BrokerClient; inFlight: number }
  | { readonly kind: 'failed'; readonly error: PulsesError };

export class Producer {
  readonly #options: ProducerOptions;
  #id: string;
  readonly #inFlightMax: number;
  readonly #aborted = new AbortController();
  /** Not acknowledged, in order of sequence. */
  readonly #batches: Batch[] = [];
  /** Signalled when a batch is acknowledged, and when the producer has failed. */
  readonly #progress = new Condition();
  #nextSequence = 0;
  /** The log's clock before the first batch was sent; undefined before that. */
  #startedMs: number | undefined;
  /** When a batch was last sent or acknowledged, by the monotonic clock. */
  #usedMs: number;
  #failedAttempts = 0;
  #state: State = { kind: 'idle' };

  /** @throws TypeError when `inFlightMax` is beyond what a broker remembers */
  constructor(options: ProducerOptions) {
    const { random, inFlightMax = PRODUCER_IN_FLIGHT_MAX } = options;
    if (inFlightMax > PRODUCER_RESULTS_KEPT)
      throw new TypeError(`inFlightMax is ${inFlightMax}; at most ${PRODUCER_RESULTS_KEPT} is allowed`);
    this.#options = options;
    this.#inFlightMax = inFlightMax;
    this.#id = newId(random);
    this.#usedMs = options.clock.monotonicMs();
  }

  /**
   * Queues messages. Settles when they are stored; the payload must not change until then.
   * @throws PulsesError that is not retriable (then every send rejects with it), or CONNECTION_LOST after `close`
   */
  send(payload: Uint8Array, recordCount: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#state.kind === 'failed') {
        reject(this.#state.error);
        return;
      }
      this.#renew();
      const append = { topic: this.#options.topic, recordCount, ...payloadOf(payload) };
      this.#batches.push({ sequence: this.#nextSequence, append, isSent: false, resolve, reject });
      this.#nextSequence += 1;
      if (this.#state.kind === 'idle') void this.#reconnect(undefined);
      else this.#sendWaiting();
    });
  }

  /** Resolves once fewer than `inFlightMax` batches wait. */
  ready(): Promise<void> {
    return this.#progress.until(() => this.#state.kind === 'failed' || this.#batches.length < this.#inFlightMax);
  }

  /** Whether `close` has something to wait for: a connection, or the answer to a batch that may be stored. */
  get isUnderWay(): boolean {
    return this.#state.kind === 'connected' || this.#batches[0]?.isSent === true;
  }

  /** Waits until everything sent is stored, then retires the producer's id and closes the connection. */
  async close(): Promise<void> {
    await this.#progress.until(() => this.#state.kind === 'failed' || this.#batches.length === 0);
    // A courtesy: the broker forgets the id at once, not when it needs the room.
    if (this.#state.kind === 'connected')
      await this.#state.client.retireProducer(this.#id, EPOCH).catch(() => undefined);
    this.#fail(new PulsesError('CONNECTION_LOST', 'the producer was closed'));
  }

  /** Drops what is not stored and closes the connection at once. */
  abort(): void {
    const reason = new PulsesError('CONNECTION_LOST', 'the producer was aborted');
    this.#aborted.abort(reason);
    this.#fail(reason);
  }

  /** A producer that was idle for long takes a new id, before the broker forgets it. */
  #renew(): void {
    const { clock, random } = this.#options;
    const idleMs = clock.monotonicMs() - this.#usedMs;
    this.#usedMs += idleMs;
    if (this.#batches.length > 0 || this.#startedMs === undefined || idleMs < PRODUCER_KEPT_MS / 2) return;
    if (this.#state.kind === 'connected') this.#state.client.close();
    this.#id = newId(random);
    this.#nextSequence = 0;
    this.#startedMs = undefined;
    this.#state = { kind: 'idle' };
  }

  #sendWaiting(): void {
    const connected = this.#state;
    if (connected.kind !== 'connected') return;
    while (connected.inFlight < Math.min(this.#batches.length, this.#inFlightMax)) {
      const batch = this.#batches[connected.inFlight] as Batch;
      const { sequence, append } = batch;
      batch.isSent = true;
      connected.inFlight += 1;
      // An answer of an earlier connection no longer counts.
      connected.client.produce({ id: this.#id, epoch: EPOCH, sequence }, append).then(
        () => {
          if (this.#state === connected) this.#acknowledge(connected);
        },
        (error: unknown) => {
          if (this.#state === connected) this.#restart(connected.client, error);
        },
      );
    }
  }

  #acknowledge(connected: State & { kind: 'connected' }): void {
    this.#failedAttempts = 0;
    this.#usedMs = this.#options.clock.monotonicMs();
    connected.inFlight -= 1;
    this.#batches.shift()?.resolve();
    this.#progress.notifyAll();
    this.#sendWaiting();
  }

  /** The oldest batch in flight has failed. Those behind it fail with it, and all are sent again. */
  #restart(client: BrokerClient, error: unknown): void {
    // Responses may still be on their way over this connection; a new one has none.
    client.close();
    if (isPulsesError(error) && error.retriable) void this.#reconnect(error);
    else this.#fail(asPulsesError(error));
  }

  async #reconnect(cause: PulsesError | undefined): Promise<void> {
    const connecting: State = { kind: 'connecting' };
    this.#state = connecting;
    let error = cause;
    for (;;) {
      try {
        if (error !== undefined) await this.#backOff(error);
        const client = await this.#options.connect();
        await this.#checkAge(client).catch((unsure: unknown) => {
          client.close();
          throw unsure;
        });
        if (this.#state !== connecting) {
          client.close();
          return;
        }
        this.#state = { kind: 'connected', client, inFlight: 0 };
        this.#sendWaiting();
        return;
      } catch (caught) {
        if (this.#state !== connecting) return;
        error = asPulsesError(caught);
        if (!error.retriable) {
          this.#fail(error);
          return;
        }
      }
    }
  }

  /** @throws PulsesError PRODUCER_EXPIRED when the broker may have forgotten the first batch */
  async #checkAge(client: BrokerClient): Promise<void> {
    if (this.#startedMs !== undefined && this.#batches[0]?.sequence !== 0) return;
    const nowMs = await client.ping();
    // The broker's clock may have been set back while it was down.
    this.#startedMs = Math.min(this.#startedMs ?? nowMs, nowMs);
    if (nowMs - this.#startedMs < PRODUCER_KEPT_MS) return;
    const hours = PRODUCER_KEPT_MS / 3_600_000;
    throw new PulsesError('PRODUCER_EXPIRED', `the first batch has no answer after ${hours} hours`);
  }

  /** @throws the reason of `abort` */
  async #backOff(error: PulsesError): Promise<void> {
    const { clock, random, onRetry } = this.#options;
    this.#failedAttempts += 1;
    const delayMs = backoffMs(this.#failedAttempts, { ...BACKOFF, random });
    onRetry?.(error, this.#failedAttempts, delayMs);
    await delay(delayMs, clock, this.#aborted.signal);
  }

  #fail(error: PulsesError): void {
    if (this.#state.kind === 'connected') this.#state.client.close();
    if (this.#state.kind !== 'failed') this.#state = { kind: 'failed', error };
    for (const batch of this.#batches.splice(0)) batch.reject(error);
    this.#progress.notifyAll();
  }
}

function newId(random: Random): string {
  return Buffer.from(random.bytes(16)).toString('hex');
}

function asPulsesError(error: unknown): PulsesError {
  return isPulsesError(error) ? error : new PulsesError('PROTOCOL_VIOLATION', String(error), { cause: error });
}
