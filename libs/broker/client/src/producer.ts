// An idempotent producer for one topic that outlives its connections.
//
// Guarantees: batches are stored in the order of `send`, each exactly once, however often the connection breaks: what is
// not acknowledged is sent again under the same stamp, and the broker answers a stamp that it knows with the first result.
// Survives a restart of the broker, not one of this process. Bounds: `inFlightMax` batches on the way; the caller bounds
// the rest by awaiting `ready`.

import { PRODUCER_IN_FLIGHT_MAX, PRODUCER_RESULTS_KEPT, type TopicAppend } from '@pulses/broker-wire';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import type { Clock, Random } from '@pulses/shared-ports';
import { backoffMs, Condition, delay } from '@pulses/shared-async';
import type { BrokerClient } from './broker-client';

const BACKOFF = { delayMsMin: 50, delayMsMax: 5_000 };

export interface ProducerOptions {
  /** Opens a connection; called again after each loss. */
  connect(): Promise<BrokerClient>;
  readonly topic: string;
  readonly clock: Clock;
  readonly random: Random;
  /** At most PRODUCER_RESULTS_KEPT: the broker must still know each of them when they are repeated. */
  readonly inFlightMax?: number;
  /** Called before each wait for another try. */
  onRetry?(error: PulsesError, delayMs: number): void;
}

export interface Producer {
  /**
   * Queues messages; the payload must not change until the promise settles, which it does when they are stored.
   * @throws PulsesError that no retry can mend (then every send rejects with it), or CONNECTION_LOST after `close`
   */
  send(payload: Uint8Array, recordCount: number): Promise<void>;
  /** Resolves once fewer than `inFlightMax` batches wait. */
  ready(): Promise<void>;
  /** Waits until everything sent is stored, then retires the producer's id and closes the connection. */
  close(): Promise<void>;
  /** Drops what is not stored and closes the connection at once. */
  abort(): void;
}

interface Batch {
  readonly sequence: number;
  readonly append: TopicAppend;
  resolve(): void;
  reject(error: PulsesError): void;
}

export function createProducer(options: ProducerOptions): Producer {
  const { connect, topic, clock, random, inFlightMax = PRODUCER_IN_FLIGHT_MAX } = options;
  if (inFlightMax > PRODUCER_RESULTS_KEPT)
    throw new TypeError(`at most ${PRODUCER_RESULTS_KEPT} batches can be under way, not ${inFlightMax}`);
  const id = Buffer.from(random.bytes(16)).toString('hex');
  const aborted = new AbortController();
  /** Not acknowledged, in order of sequence. */
  const batches: Batch[] = [];
  /** How many of them are on their way over `client`. */
  let inFlight = 0;
  let nextSequence = 0;
  let client: BrokerClient | undefined;
  /** Counts connections and restarts: answers of an earlier one no longer count. */
  let round = 0;
  let isRecovering = false;
  let failure: PulsesError | undefined;
  let failedTries = 0;
  /** Signalled when a batch is acknowledged, and when the producer has failed. */
  const progress = new Condition();

  const failForGood = (error: PulsesError) => {
    failure = error;
    client?.close();
    for (const batch of batches.splice(0)) batch.reject(error);
    progress.notifyAll();
  };

  const pump = () => {
    if (failure !== undefined || isRecovering) return;
    if (client === undefined) {
      if (batches.length > 0) void recover(undefined);
      return;
    }
    while (inFlight < Math.min(batches.length, inFlightMax)) {
      const batch = batches[inFlight] as Batch;
      const sentIn = round;
      inFlight += 1;
      client.produce({ id, epoch: 0, sequence: batch.sequence }, batch.append).then(
        () => {
          if (sentIn === round) acknowledge();
        },
        (error: unknown) => {
          if (sentIn === round) restart(error);
        },
      );
    }
  };

  const acknowledge = () => {
    failedTries = 0;
    inFlight -= 1;
    batches.shift()?.resolve();
    progress.notifyAll();
    pump();
  };

  /** The oldest batch on its way has failed; those behind it fail with it, and all go out again. */
  const restart = (error: unknown) => {
    round += 1;
    inFlight = 0;
    if (!isPulsesError(error) || !error.retriable) {
      failForGood(isPulsesError(error) ? error : new PulsesError('PROTOCOL_VIOLATION', String(error)));
      return;
    }
    void recover(error);
  };

  const recover = async (cause: PulsesError | undefined): Promise<void> => {
    isRecovering = true;
    let error = cause;
    for (;;) {
      try {
        if (error !== undefined) {
          failedTries += 1;
          const delayMs = backoffMs(failedTries, { ...BACKOFF, random });
          options.onRetry?.(error, delayMs);
          await delay(delayMs, clock, aborted.signal);
        }
        // Answers to what was sent before may still be on their way over the old connection: a new one has none.
        client?.close();
        client = undefined;
        client = await connect();
        break;
      } catch (caught) {
        if (aborted.signal.aborted) return;
        if (!isPulsesError(caught) || !caught.retriable) {
          failForGood(isPulsesError(caught) ? caught : new PulsesError('PROTOCOL_VIOLATION', String(caught)));
          return;
        }
        error = caught;
      }
    }
    if (aborted.signal.aborted) {
      client.close();
      return;
    }
    round += 1;
    isRecovering = false;
    pump();
  };

  return {
    send: (payload, recordCount) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) {
          reject(failure);
          return;
        }
        batches.push({ sequence: nextSequence, append: { topic, recordCount, payload }, resolve, reject });
        nextSequence += 1;
        pump();
      }),
    ready: () => progress.until(() => failure !== undefined || batches.length < inFlightMax),
    async close() {
      await progress.until(() => failure !== undefined || batches.length === 0);
      if (failure !== undefined || client === undefined) return;
      // A courtesy: the broker forgets the id at once instead of when it needs the room.
      await client.retireProducer(id, 0).catch(() => undefined);
      failForGood(new PulsesError('CONNECTION_LOST', 'the producer was closed'));
    },
    abort() {
      aborted.abort(new PulsesError('CONNECTION_LOST', 'the producer was aborted'));
      failForGood(new PulsesError('CONNECTION_LOST', 'the producer was aborted'));
    },
  };
}
