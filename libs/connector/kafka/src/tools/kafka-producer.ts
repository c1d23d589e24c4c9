// Publishes lines to one topic, each stored once, however often connections break (KIP-98's idempotent producer).
//
// Guarantees: batches of a partition carry consecutive sequence numbers of one producer id. A batch without an answer is
// sent again with its number, and the broker drops what it has already. One whose number the broker has forgotten is
// PRODUCER_EXPIRED: nothing is ever stored twice. Bounds: `QUEUED_MAX` calls of `send` wait; one round of batches is on its
// way, at most one batch of a partition at a time.

import type { LineProducer, LineProducerOptions } from '@pulses/connector-api';
import { backoffMs, Condition, delay } from '@pulses/shared-async';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import type { Clock, Random } from '@pulses/shared-ports';
import type { Cluster } from '../protocol/cluster';
import { asPulsesError, kafkaCodeOf, KAFKA_ERROR } from '../protocol/errors';
import type { ProducedBatch } from '../protocol/produce';
import { produceToLeaders } from '../protocol/produce-to-leaders';
import type { ProducerIdentity } from '../protocol/transaction-requests';
import type { Compression } from '../records/compression';
import { identifyProducer } from './admin-requests';
import { KeyedBatches } from './keyed-batches';

const BACKOFF = { delayMsMin: 50, delayMsMax: 5_000 };
const QUEUED_MAX = 64;
/** Bytes of lines that go out in one round, at least one call of `send`. */
const ROUND_BYTES_MAX = 4 * 1024 * 1024;
const TIMEOUT_MS = 30_000;
/** A broker forgets a producer after a day by default (`producer.id.expiration.ms`). */
const IDLE_MS_MAX = 6 * 3_600_000;
const SEQUENCES = 2 ** 31;

export interface KafkaProducerOptions extends LineProducerOptions {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly random: Random;
  readonly compression: Compression;
  /** Number of the topic's partitions; makes the topic where that was asked for. @throws PulsesError TOPIC_UNKNOWN */
  partitionCount(signal: AbortSignal): Promise<number>;
}

interface Sent {
  readonly payload: Uint8Array;
  resolve(): void;
  reject(error: PulsesError): void;
}

/** What numbers the batches. */
interface Numbering {
  readonly producer: ProducerIdentity;
  readonly batches: KeyedBatches;
  /** Next sequence number, by partition. */
  readonly sequences: Map<number, number>;
}

export class KafkaProducer implements LineProducer {
  readonly #options: KafkaProducerOptions;
  readonly #aborted = new AbortController();
  readonly #queue: Sent[] = [];
  readonly #progress = new Condition();
  #numbering: Numbering | undefined;
  #failure: PulsesError | undefined;
  #isSending = false;
  #failedAttempts = 0;
  #usedMs: number;

  constructor(options: KafkaProducerOptions) {
    this.#options = options;
    this.#usedMs = options.clock.monotonicMs();
  }

  /** Asks for the topic and a producer id. @throws PulsesError */
  async connect(): Promise<void> {
    this.#numbering ??= await this.#identify();
  }

  send(payload: Uint8Array, recordCount: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      if (recordCount === 0) {
        resolve();
        return;
      }
      this.#queue.push({ payload, resolve, reject });
      if (!this.#isSending) void this.#sendAll();
    });
  }

  ready(): Promise<void> {
    return this.#progress.until(() => this.#failure !== undefined || this.#queue.length < QUEUED_MAX);
  }

  get isUnderWay(): boolean {
    return this.#failure === undefined && this.#numbering !== undefined;
  }

  async close(): Promise<void> {
    await this.#progress.until(() => this.#failure !== undefined || this.#queue.length === 0);
    await this.#end(new PulsesError('CONNECTION_LOST', 'the producer was closed'));
  }

  abort(): void {
    const reason = new PulsesError('CONNECTION_LOST', 'the producer was aborted');
    this.#aborted.abort(reason);
    void this.#end(reason);
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    while (this.#queue.length > 0 && this.#failure === undefined) {
      try {
        await this.#sendRound();
      } catch (error) {
        await this.#end(asPulsesError(error));
      }
    }
    this.#isSending = false;
  }

  /** Stores the first calls in the queue. @throws PulsesError that is not retriable */
  async #sendRound(): Promise<void> {
    const { clock, compression, topic } = this.#options;
    if (this.#numbering !== undefined && clock.monotonicMs() - this.#usedMs > IDLE_MS_MAX) this.#numbering = undefined;
    const numbering = (this.#numbering ??= await this.#untilDone(() => this.#identify()));
    let [bytes, count] = [0, 0];
    for (const { payload } of this.#queue) {
      if (count > 0 && bytes + payload.byteLength > ROUND_BYTES_MAX) break;
      numbering.batches.add(payload);
      bytes += payload.byteLength;
      count += 1;
    }
    const rounds: ProducedBatch[][] = [];
    for (const [partition, writers] of numbering.batches.take())
      for (const [round, writer] of writers.entries()) {
        const sequence = numbering.sequences.get(partition) ?? 0;
        numbering.sequences.set(partition, (sequence + writer.recordCount) % SEQUENCES);
        const producer = { ...numbering.producer, sequence, isTransactional: false };
        const batch = writer.finish({ compression, timestampMs: clock.nowMs(), producer });
        (rounds[round] ??= []).push({ topic, partition, batch });
      }
    for (const round of rounds) await this.#untilDone(() => this.#produce(round));
    this.#usedMs = clock.monotonicMs();
    for (const { resolve } of this.#queue.splice(0, count)) resolve();
    this.#progress.notifyAll();
  }

  async #produce(round: readonly ProducedBatch[]): Promise<void> {
    const { cluster, clock, random } = this.#options;
    const options = { transactionalId: undefined, version: 9, timeoutMs: TIMEOUT_MS } as const;
    await produceToLeaders({ cluster, clock, random, lane: 'control' }, round, options).catch((error: unknown) => {
      throw refusalOf(error);
    });
  }

  async #identify(): Promise<Numbering> {
    const { cluster, keyOf, partitionCount } = this.#options;
    const count = await partitionCount(this.#aborted.signal);
    const producer = await cluster.toAny(identifyProducer(TIMEOUT_MS));
    return { producer, batches: new KeyedBatches(count, keyOf), sequences: new Map() };
  }

  /** Repeats a step until it is done. @throws PulsesError that is not retriable; the reason of `abort` */
  async #untilDone<Result>(step: () => Promise<Result>): Promise<Result> {
    const { clock, random, isPatient, onRetry } = this.#options;
    for (;;) {
      try {
        const result = await step();
        this.#failedAttempts = 0;
        return result;
      } catch (error) {
        this.#aborted.signal.throwIfAborted();
        const failure = asPulsesError(error);
        // A topic that is not there yet may be made by the ingestor, for which a patient producer waits.
        const isAwaited = failure.code === 'TOPIC_UNKNOWN' && isPatient && this.#numbering === undefined;
        if (!failure.retriable && !isAwaited) throw failure;
        this.#failedAttempts += 1;
        const delayMs = backoffMs(this.#failedAttempts, { ...BACKOFF, random });
        onRetry?.(failure, this.#failedAttempts, delayMs);
        await delay(delayMs, clock, this.#aborted.signal);
      }
    }
  }

  async #end(error: PulsesError): Promise<void> {
    this.#failure ??= error;
    for (const { reject } of this.#queue.splice(0)) reject(this.#failure);
    this.#progress.notifyAll();
    await this.#options.cluster.close();
  }
}

/** An answer that says that the broker does not know the batch before: it can't tell whether this one is new. */
function refusalOf(error: unknown): unknown {
  const code = kafkaCodeOf(isPulsesError(error) ? error.cause : error);
  if (code !== KAFKA_ERROR.OUT_OF_ORDER_SEQUENCE_NUMBER && code !== KAFKA_ERROR.UNKNOWN_PRODUCER_ID) return error;
  return new PulsesError('PRODUCER_EXPIRED', 'Kafka has forgotten the batches before', { cause: error });
}
