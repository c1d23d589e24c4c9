// Publishes messages to the source, each once.
//
// A send is one or more atomic batches; the first message of each has an id. A batch without an answer is sent again with
// the same id, and the server refuses it when it has stored it. The server remembers ids for `duplicate_window`. When an
// answer is missing for longer, the batch is looked for in the stream before it is sent again.
//
// Bounds: SENDS_MAX sends that wait.

import { jetstreamManager } from '@nats-io/jetstream';
import { forEachMessage, type LineProducer, type LineProducerOptions } from '@pulses/connector-api';
import { backoffMs, Condition, delay } from '@pulses/shared-async';
import { PulsesError } from '@pulses/shared-errors';
import type { Clock, Random } from '@pulses/shared-ports';
import { headers, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';
import { randomBytes } from 'node:crypto';
import { natsFailure, SERVER_ERROR, serverFailure, type ServerError } from '../nats-failure';
import { provideSource } from '../streams';
import { storedIds } from './stored-ids';

const SENDS_MAX = 16;
const BATCH_MESSAGES_MAX = 1_000;
const STORE_MS_MAX = 10_000;
const BACKOFF = { delayMsMin: 100, delayMsMax: 5_000 };
/** Part of the window in which an id is surely remembered. */
const WINDOW_SHARE = 0.5;
const NANOSECONDS_PER_MS = 1e6;
/** For the headers of a message, which the server counts as payload. */
const HEADER_BYTES_MAX = 512;

export interface NatsProducerOptions extends LineProducerOptions {
  connect(): Promise<NatsConnection>;
  readonly clock: Clock;
  readonly random: Random;
}

/** An attempt that may have been stored. */
interface Unsettled {
  readonly sentMs: number;
  /** The stream's messages up to this one are older. */
  readonly fromSequence: number;
}

interface Batch {
  readonly id: string;
  readonly messages: readonly Uint8Array[];
  /** How many of its messages are known to be stored. */
  stored: number;
}

interface Open {
  readonly stream: string;
  readonly connection: NatsConnection;
  readonly isAtomic: boolean;
  readonly windowMs: number;
  /** A longer message would be refused each time. */
  readonly messageBytesMax: number;
}

export async function openNatsProducer(options: NatsProducerOptions): Promise<LineProducer> {
  const producer = new NatsProducer(options);
  if (!options.isPatient) await producer.connect();
  return producer;
}

class NatsProducer implements LineProducer {
  readonly #options: NatsProducerOptions;
  readonly #id = randomBytes(12).toString('hex');
  readonly #settled = new Condition();
  readonly #ending = new AbortController();
  #open: Open | undefined;
  #tail: Promise<void> = Promise.resolve();
  #waiting = 0;
  #batches = 0;
  /** Of a message in the stream: the last one at the first connection, or one of this producer's. */
  #lastSequence: number | undefined;
  /** As it was at the first connection: ids of the two kinds of batches differ. */
  #isAtomic: boolean | undefined;
  #failure: PulsesError | undefined;

  constructor(options: NatsProducerOptions) {
    this.#options = options;
  }

  get isUnderWay(): boolean {
    return this.#waiting > 0 || this.#open !== undefined;
  }

  send(payload: Uint8Array): Promise<void> {
    const messages: Uint8Array[] = [];
    forEachMessage({ payload }, (start, end) => messages.push(payload.subarray(start, end)));
    this.#waiting += 1;
    const previous = this.#tail;
    const stored = (async () => {
      await previous;
      try {
        const longest = messages.reduce((bytes, message) => Math.max(bytes, message.byteLength), 0);
        for (let at = 0; at < messages.length; at += BATCH_MESSAGES_MAX)
          await this.#store(messages.slice(at, at + BATCH_MESSAGES_MAX), longest);
      } finally {
        this.#waiting -= 1;
        this.#settled.notifyAll();
      }
    })();
    this.#tail = stored.catch(() => undefined);
    return stored;
  }

  async ready(): Promise<void> {
    await this.#settled.until(() => this.#waiting < SENDS_MAX || this.#failure !== undefined);
  }

  async close(): Promise<void> {
    await this.#tail;
    this.abort();
  }

  abort(): void {
    this.#failure ??= new PulsesError('CONNECTION_LOST', 'the producer was closed');
    this.#ending.abort(this.#failure);
    void this.#open?.connection.close();
    this.#open = undefined;
  }

  /** @throws PulsesError */
  async connect(): Promise<Open> {
    const connection = await this.#options.connect();
    try {
      const { config, state } = await provideSource(await jetstreamManager(connection), this.#options.topic);
      const windowMs = config.duplicate_window / NANOSECONDS_PER_MS;
      const payloadMax = connection.info?.max_payload ?? Infinity;
      const messageBytesMax =
        (config.max_msg_size > 0 ? Math.min(config.max_msg_size, payloadMax) : payloadMax) - HEADER_BYTES_MAX;
      this.#lastSequence ??= state.last_seq;
      this.#isAtomic ??= config.allow_atomic === true;
      const stream = config.name;
      this.#open = { connection, stream, isAtomic: this.#isAtomic, windowMs, messageBytesMax };
      return this.#open;
    } catch (error) {
      void connection.close();
      throw natsFailure(error, `the stream of ${this.#options.topic}`);
    }
  }

  /** @param longest bytes of the longest message of the send, of which nothing is stored when that is too long */
  async #store(messages: readonly Uint8Array[], longest: number): Promise<void> {
    const { clock, random, onRetry } = this.#options;
    this.#batches += 1;
    const id = `${this.#id}-${this.#batches}`;
    const batch: Batch = { id, messages, stored: 0 };
    let unsettled: Unsettled | undefined;
    for (let attempt = 1; ; attempt += 1) {
      if (this.#failure !== undefined) throw this.#failure;
      try {
        const open = this.#open ?? (await this.connect());
        if (longest > open.messageBytesMax)
          throw new PulsesError(
            'MESSAGE_TOO_LARGE',
            `a message of ${longest} bytes; the stream takes ${open.messageBytesMax}: ` +
              "raise the server's max_payload, or the stream's max_msg_size",
          );
        const nowMs = clock.monotonicMs();
        const { fromSequence = this.#lastSequence ?? 0, sentMs = nowMs } = unsettled ?? {};
        if (nowMs - sentMs > open.windowMs * WINDOW_SHARE) {
          const ids = await storedIds(open.connection, open.stream, fromSequence, `${id}-`);
          while (batch.stored < messages.length && ids.has(`${id}-${open.isAtomic ? 0 : batch.stored}`))
            batch.stored += 1;
          if (batch.stored === messages.length) return;
          // An attempt that is stored from now on will be remembered.
          unsettled = undefined;
        }
        const before = unsettled;
        unsettled ??= { sentMs: nowMs, fromSequence };
        const error = await this.#send(open, batch);
        if (error === undefined) return;
        // The server has stored nothing of this attempt.
        unsettled = before;
        throw serverFailure(error, `a batch of the stream ${open.stream}`);
      } catch (error) {
        const failure = natsFailure(error, 'a batch of the source');
        void this.#open?.connection.close();
        this.#open = undefined;
        if (!failure.retriable) this.#failure ??= failure;
        if (this.#failure !== undefined) throw this.#failure;
        const delayMs = backoffMs(attempt, { ...BACKOFF, random });
        onRetry?.(failure, attempt, delayMs);
        await delay(delayMs, clock, this.#ending.signal);
      }
    }
  }

  /**
   * Sends what is left of a batch. One message has no need of an atomic batch.
   * @returns the server's refusal, after which nothing more of it is stored
   */
  async #send(open: Open, batch: Batch): Promise<ServerError | undefined> {
    const { id, messages } = batch;
    if (open.isAtomic && messages.length > 1) return await this.#sendAtomic(open, batch);
    for (const message of messages.slice(batch.stored)) {
      const own = headers();
      own.set('Nats-Msg-Id', `${id}-${batch.stored}`);
      const error = await this.#request(open, message, own);
      if (error !== undefined) return error;
      batch.stored += 1;
    }
    return undefined;
  }

  async #sendAtomic(open: Open, { id, messages }: Batch): Promise<ServerError | undefined> {
    // Each attempt is a batch of its own: the server may still hold a part of the one before.
    const batchId = `${id}-${randomBytes(4).toString('hex')}`;
    const last = messages.length - 1;
    for (const [index, message] of messages.entries()) {
      const own = headers();
      own.set('Nats-Batch-Id', batchId);
      own.set('Nats-Batch-Sequence', String(index + 1));
      if (index === 0) own.set('Nats-Msg-Id', `${id}-0`);
      if (index === last) {
        own.set('Nats-Batch-Commit', '1');
        return await this.#request(open, message, own);
      }
      open.connection.publish(this.#options.topic, message, { headers: own });
    }
    return undefined;
  }

  async #request(open: Open, message: Uint8Array, own: MsgHdrs): Promise<ServerError | undefined> {
    const answer = await open.connection.request(this.#options.topic, message, { headers: own, timeout: STORE_MS_MAX });
    const { error, seq } = JSON.parse(answer.string()) as { error?: ServerError; seq?: number };
    // It was stored before; only the answer was lost.
    if (error?.err_code === SERVER_ERROR.duplicateId) return undefined;
    if (error === undefined && seq !== undefined) this.#lastSequence = seq;
    return error;
  }
}
