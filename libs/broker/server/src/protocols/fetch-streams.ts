// The fetch streams of one connection.
//
// Each stream reads `[next, high watermark)` from the log with its own cursor; a change of the topic only wakes it.
// Streams take turns, one read of the log at a time, and only while the connection accepts bytes. A slow consumer
// costs one read and what the socket holds, and delays no other client. Connections take turns too: each does a few
// small reads, whose answers leave together.
//
// Guarantees: a stream's messages are gapless, in order and without duplicates. `head` is a proof: everything below
// `nextOffset` was sent before it, and no message at or above it has a timestamp before `clockMs`. The argument:
//   1. `log.clockMs()` is read first. The log promises that no message which becomes visible after that call has an
//      earlier timestamp. A message that is not yet durable counts: the log's clock stands still at its timestamp
//      until it is visible.
//   2. The high watermark is read after it, and equals `next`. So every message at or above `next` becomes visible
//      after step 1.
//   3. Everything below `next` is already in the send buffer, which keeps the order.

import { HEAD_INTERVAL_MS, type Incarnation, type Request, type Response, type TopicInfo } from '@pulses/broker-wire';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import type { Timer } from '@pulses/shared-ports';
import type { ServerContext } from '../context';
import type { SendBuffer } from '../connection/send-buffer';

type FetchRequest = Extract<Request, { type: 'fetch' }>;

export interface FetchStreams {
  /**
   * Opens a stream that answers under the correlation id, which must have none.
   * @throws PulsesError TOPIC_UNKNOWN, OFFSET_OUT_OF_RANGE, OVERLOADED
   */
  open(correlation: number, request: FetchRequest): void;
  has(correlation: number): boolean;
  /** Credit for a stream that has ended is ignored. */
  credit(correlation: number, bytes: number): void;
  /** Ends the stream with `done`; a stream that has ended meanwhile has had its answer. */
  stop(correlation: number): void;
  /** The connection takes bytes again. */
  onDrain(): void;
  /** Ends all streams, with an answer when `error` is given. */
  close(error?: PulsesError): void;
}

interface Stream {
  readonly correlation: number;
  readonly topic: string;
  readonly incarnation: Incarnation;
  next: number;
  creditBytes: number;
  /** A head is owed as soon as everything was sent. */
  headDue: boolean;
  headSentMs: number;
  headTimer: Timer | undefined;
  isReady: boolean;
  isOpen: boolean;
  unsubscribe(): void;
}

/** @param onCrash called with a failure that is no PulsesError */
export function createFetchStreams(
  context: ServerContext,
  sendBuffer: SendBuffer,
  send: (correlation: number, response: Response) => void,
  onCrash: (error: unknown) => void,
): FetchStreams {
  const { log, clock, limits } = context;
  const streams = new Map<number, Stream>();
  const ready: Stream[] = [];
  let isPumping = false;

  const remove = (stream: Stream): void => {
    stream.isOpen = false;
    stream.headTimer?.cancel();
    stream.unsubscribe();
    streams.delete(stream.correlation);
  };

  const fail = (stream: Stream, error: PulsesError): void => {
    remove(stream);
    send(stream.correlation, { type: 'error', code: error.code, message: error.message });
  };

  const wake = (stream: Stream): void => {
    if (!stream.isOpen || stream.isReady) return;
    stream.isReady = true;
    ready.push(stream);
    void pump();
  };

  const sendHead = (stream: Stream, clockMs: number): void => {
    failpoint('head.before-send');
    stream.headDue = false;
    stream.headSentMs = clock.monotonicMs();
    send(stream.correlation, { type: 'head', nextOffset: stream.next, clockMs });
    if (stream.headTimer === undefined) awaitHead(stream, HEAD_INTERVAL_MS);
  };

  /** One timer for each stream, not for each head: under load heads are thousands. */
  const awaitHead = (stream: Stream, delayMs: number): void => {
    stream.headTimer = clock.setTimer(
      delayMs,
      () => {
        stream.headTimer = undefined;
        const leftMs = stream.headSentMs + HEAD_INTERVAL_MS - clock.monotonicMs();
        if (leftMs > 0) {
          awaitHead(stream, leftMs);
          return;
        }
        stream.headDue = true;
        wake(stream);
      },
      { keepAlive: false },
    );
  };

  /** One read's worth of messages, or a head, or nothing; answers the bytes. */
  const step = async (stream: Stream): Promise<number> => {
    const clockMs = log.clockMs();
    const info = log.topic(stream.topic);
    if (info?.incarnation !== stream.incarnation) {
      throw new PulsesError('TOPIC_UNKNOWN', `topic ${stream.topic} was deleted`);
    }
    if (stream.next === info.nextOffset) {
      if (stream.headDue) sendHead(stream, clockMs);
      return 0;
    }
    if (stream.creditBytes <= 0) return 0;
    if (stream.next < info.startOffset) throw overtaken(stream.next, info);
    const bytesMax = Math.min(stream.creditBytes, context.readBytes());
    const batches = await log.read(stream.topic, stream.incarnation, stream.next, bytesMax);
    if (!stream.isOpen || batches.length === 0) return 0;
    let bytes = 0;
    for (const batch of batches) {
      stream.next = batch.baseOffset + batch.recordCount;
      bytes += batch.payload.length;
    }
    stream.creditBytes -= bytes;
    failpoint('records.before-send');
    send(stream.correlation, { type: 'records', batches });
    failpoint('records.after-send');
    stream.headDue = true;
    wake(stream);
    return bytes;
  };

  /** The connection's reads of one tick. */
  const serveSome = async (): Promise<void> => {
    const bytesMax = context.readBytes();
    for (
      let reads = 0, bytes = 0;
      reads < limits.readsPerReader && bytes < bytesMax && !sendBuffer.isBlocked;
      reads += 1
    ) {
      const stream = ready.shift();
      if (stream === undefined) return;
      stream.isReady = false;
      if (!stream.isOpen) continue;
      try {
        bytes += await step(stream);
      } catch (error) {
        if (!isPulsesError(error)) onCrash(error);
        else if (stream.isOpen) fail(stream, error);
      }
    }
  };

  const pump = async (): Promise<void> => {
    if (isPumping) return;
    isPumping = true;
    while (!sendBuffer.isBlocked && ready.length > 0) {
      await context.readScheduler.take(); // not inside the log's own call of a listener
      await serveSome();
    }
    isPumping = false;
  };

  return {
    open: (correlation, request) => {
      if (streams.size >= limits.streamsPerConnectionMax) {
        throw new PulsesError('OVERLOADED', `a connection has at most ${limits.streamsPerConnectionMax} streams`);
      }
      const info = log.topic(request.topic);
      if (info === undefined || (request.incarnation !== '' && request.incarnation !== info.incarnation)) {
        throw new PulsesError('TOPIC_UNKNOWN', `topic ${request.topic} does not exist, or was made again`);
      }
      if (request.fromOffset < info.startOffset || request.fromOffset > info.nextOffset)
        throw outOfRange(request.fromOffset, info);
      const stream: Stream = {
        correlation,
        topic: request.topic,
        incarnation: info.incarnation,
        next: request.fromOffset,
        creditBytes: request.creditBytes,
        headDue: true,
        headSentMs: 0,
        headTimer: undefined,
        isReady: false,
        isOpen: true,
        unsubscribe: log.onChange(request.topic, () => {
          // Without credit there is nothing to send, unless the topic has gone.
          if (stream.creditBytes > 0 || log.topic(request.topic)?.incarnation !== stream.incarnation) wake(stream);
        }),
      };
      streams.set(correlation, stream);
      send(correlation, {
        type: 'fetch-started',
        incarnation: info.incarnation,
        startOffset: info.startOffset,
        nextOffset: info.nextOffset,
      });
      wake(stream);
    },
    has: (correlation) => streams.has(correlation),
    credit: (correlation, bytes) => {
      const stream = streams.get(correlation);
      if (stream === undefined) return;
      const wasStuck = stream.creditBytes <= 0;
      stream.creditBytes = Math.min(stream.creditBytes + bytes, Number.MAX_SAFE_INTEGER);
      // A stream with credit is already scheduled whenever it has something to send.
      if (wasStuck) wake(stream);
    },
    stop: (correlation) => {
      const stream = streams.get(correlation);
      if (stream === undefined) return;
      remove(stream);
      send(correlation, { type: 'done' });
    },
    onDrain: () => {
      void pump();
    },
    close: (error) => {
      for (const stream of [...streams.values()]) {
        if (error === undefined) remove(stream);
        else fail(stream, error);
      }
    },
  };
}

function outOfRange(offset: number, info: TopicInfo): PulsesError {
  const why =
    offset < info.startOffset
      ? `is no longer kept: topic ${info.topic} ${whatIsLeft(info)}`
      : `is beyond topic ${info.topic}, which continues at ${info.nextOffset}`;
  return new PulsesError('OFFSET_OUT_OF_RANGE', `offset ${offset} ${why}`);
}

function overtaken(offset: number, info: TopicInfo): PulsesError {
  const removed = `the offsets ${offset} to ${info.startOffset - 1} of topic ${info.topic}`;
  const detail = `retention removed ${removed} before they were read: it ${whatIsLeft(info)}`;
  return new PulsesError('OFFSET_OUT_OF_RANGE', detail);
}

function whatIsLeft({ startOffset, nextOffset }: TopicInfo): string {
  return startOffset === nextOffset ? `is empty and continues at ${nextOffset}` : `begins at ${startOffset}`;
}
