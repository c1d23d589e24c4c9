// Publishes messages to the source, each once.
//
// A send is one or more atomic batches; the first message of each has an id. A batch without an answer is sent again with
// the same id, and the server refuses it when it has stored it. The server remembers ids for `duplicate_window`: an answer
// that is missing for longer ends the producer, since neither repeating nor leaving out would be safe.
//
// Bounds: SENDS_MAX sends that wait.

import { jetstreamManager } from '@nats-io/jetstream';
import { forEachMessage, type LineProducer, type LineProducerOptions } from '@pulses/connector-api';
import { backoffMs, Condition, delay } from '@pulses/shared-async';
import { PulsesError } from '@pulses/shared-errors';
import type { Clock, Random } from '@pulses/shared-ports';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { randomBytes } from 'node:crypto';
import { natsFailure, SERVER_ERROR, serverFailure, type ServerError } from '../nats-failure';
import { provideSource } from '../streams';

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

interface Open {
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
      const { config } = await provideSource(await jetstreamManager(connection), this.#options.topic);
      const windowMs = config.duplicate_window / NANOSECONDS_PER_MS;
      const payloadMax = connection.info?.max_payload ?? Infinity;
      const messageBytesMax =
        (config.max_msg_size > 0 ? Math.min(config.max_msg_size, payloadMax) : payloadMax) - HEADER_BYTES_MAX;
      this.#open = { connection, isAtomic: config.allow_atomic === true, windowMs, messageBytesMax };
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
    let sentMs: number | undefined;
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
        if (sentMs !== undefined && clock.monotonicMs() - sentMs > open.windowMs * WINDOW_SHARE)
          throw new PulsesError(
            'PRODUCER_EXPIRED',
            'a batch had no answer for so long that NATS may have forgotten it',
          );
        sentMs ??= clock.monotonicMs();
        await (open.isAtomic ? this.#storeBatch(open, id, messages) : this.#storeEach(open, id, messages));
        return;
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

  /** One message has no need of a batch. */
  async #storeBatch(open: Open, id: string, messages: readonly Uint8Array[]): Promise<void> {
    if (messages.length === 1) {
      await this.#storeEach(open, id, messages);
      return;
    }
    const { topic } = this.#options;
    // Each attempt is a batch of its own: the server may still hold a part of the one before.
    const batchId = `${id}-${randomBytes(4).toString('hex')}`;
    let answer: Promise<{ string(): string }> | undefined;
    for (const [index, message] of messages.entries()) {
      const own = headers();
      own.set('Nats-Batch-Id', batchId);
      own.set('Nats-Batch-Sequence', String(index + 1));
      if (index === 0) own.set('Nats-Msg-Id', id);
      if (index < messages.length - 1) {
        open.connection.publish(topic, message, { headers: own });
        continue;
      }
      own.set('Nats-Batch-Commit', '1');
      answer = open.connection.request(topic, message, { headers: own, timeout: STORE_MS_MAX });
    }
    const { error } = JSON.parse((await answer)?.string() ?? '{}') as { error?: ServerError };
    // It was stored before; only the answer was lost.
    if (error === undefined || error.err_code === SERVER_ERROR.duplicateId) return;
    throw serverFailure(error, 'a batch of the source');
  }

  async #storeEach(open: Open, id: string, messages: readonly Uint8Array[]): Promise<void> {
    for (const [index, message] of messages.entries()) {
      const own = headers();
      own.set('Nats-Msg-Id', `${id}-${index}`);
      const answer = await open.connection.request(this.#options.topic, message, {
        headers: own,
        timeout: STORE_MS_MAX,
      });
      const { error } = JSON.parse(answer.string()) as { error?: ServerError };
      if (error !== undefined) throw serverFailure(error, 'a message of the source');
    }
  }
}
