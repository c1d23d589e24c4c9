// Messages of the source stream in order, by a consumer of its own.
//
// The consumer needs no acknowledgements and lives in the server's memory: positions are kept elsewhere. Two pulls are open
// at a time, each bounded in bytes.
//
// Guarantees: no message is skipped or read twice: the consumer numbers its deliveries, and the numbers are checked. A
// consumer that is lost, with its server or its stream, ends the reader.
// Bounds: three times PULL_BYTES. A longer message is pulled alone, up to the server's max_payload.

import { AckPolicy, DeliverPolicy, ReplayPolicy, type ConsumerInfo, type JetStreamManager } from '@nats-io/jetstream';
import { PulsesError } from '@pulses/shared-errors';
import type { Clock, Timer } from '@pulses/shared-ports';
import { createInbox, nanos, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import { randomBytes } from 'node:crypto';
import { MessageQueue } from './message-queue';
import { natsFailure } from '../nats-failure';
import { TICK_HEADER } from '../names';

const PULL_MESSAGES = 5_000;
/** With this many messages to come, the next pull is sent: two are open at a time. */
const OPEN_MESSAGES_LOW = PULL_MESSAGES;
const PULL_BYTES = 2 * 1024 * 1024;
const PULL_MS = 20_000;
const HEARTBEAT_MS = 2_000;
const SILENCE_MS_MAX = 3 * HEARTBEAT_MS;
const CONSUMER_IDLE_MS_MAX = 60_000;
/** For subject and headers of a message, which count as bytes of a pull. */
const OVERHEAD_BYTES = 64 * 1024;
const STATUS_HEARTBEAT = 100;
const REPLY_PREFIX = '$JS.ACK.';
/** Of the reply without a domain, behind the prefix. */
const SHORT_REPLY_DOTS = 6;
const DOT = 46;

export interface SourceMessage {
  readonly subject: string;
  readonly sequence: number;
  readonly timestampMs: number;
  readonly body: Uint8Array;
  readonly isTick: boolean;
}

export interface SourceReaderOptions {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly clock: Clock;
  readonly stream: string;
  readonly fromSequence: number;
  /** Only messages of this subject. */
  readonly subject?: string;
  /** A message came, the head was reached, or the reader ended. */
  onChange(): void;
}

export class SourceReader {
  readonly #options: SourceReaderOptions;
  readonly #inbox: string;
  #subscription: Subscription | undefined;
  readonly #queue = new MessageQueue<SourceMessage>();
  /** Messages that the server may still send for the pulls so far. */
  #openMessages = 0;
  /** The next message is longer than a pull. */
  #isNextLong = false;
  #consumer: string | undefined;
  #lastStored = 0;
  #delivered = 0;
  #pending: number | undefined;
  #heardMs: number;
  #silence: Timer | undefined;
  #failure: PulsesError | undefined;
  #isClosed = false;

  constructor(options: SourceReaderOptions) {
    const { clock } = options;
    this.#options = options;
    this.#inbox = createInbox();
    this.#heardMs = clock.monotonicMs();
    try {
      this.#subscription = this.#subscribe();
    } catch (error) {
      this.#failure = natsFailure(error, 'reading the source');
      return;
    }
    void this.#start();
  }

  /** Messages up to this one were stored when the reader began; the last of them may have been deleted. */
  get lastStored(): number {
    return this.#lastStored;
  }

  /** True when every stored message was taken. */
  get isAtHead(): boolean {
    return this.#pending === 0 && this.#queue.length === 0;
  }

  /** The next message, if one is there. @throws what ended the reader, after the messages before it */
  peek(): SourceMessage | undefined {
    const message = this.#queue.peek();
    if (message === undefined && this.#failure !== undefined) throw this.#failure;
    return message;
  }

  /** Takes the message of `peek`. */
  shift(): void {
    if (this.#queue.shift() !== undefined) this.#pull();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#silence?.cancel();
    this.#queue.clear();
    const { connection, manager, stream } = this.#options;
    if (connection.isClosed()) return;
    this.#subscription?.unsubscribe();
    // If not, the server removes it soon.
    if (this.#consumer !== undefined) manager.consumers.delete(stream, this.#consumer).catch(() => undefined);
  }

  #subscribe(): Subscription {
    return this.#options.connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#take(message);
        else this.#fail(natsFailure(error, 'reading the source'));
      },
    });
  }

  async #start(): Promise<void> {
    const { manager, stream, fromSequence, subject } = this.#options;
    let info: ConsumerInfo;
    try {
      this.#lastStored = (await manager.streams.info(stream)).state.last_seq;
      info = await manager.consumers.add(stream, {
        name: `pulses-${randomBytes(9).toString('hex')}`,
        ack_policy: AckPolicy.None,
        deliver_policy: DeliverPolicy.StartSequence,
        opt_start_seq: Math.max(1, fromSequence),
        ...(subject === undefined ? {} : { filter_subject: subject }),
        replay_policy: ReplayPolicy.Instant,
        mem_storage: true,
        num_replicas: 1,
        inactive_threshold: nanos(CONSUMER_IDLE_MS_MAX),
      });
    } catch (error) {
      this.#fail(natsFailure(error, 'reading the source'));
      return;
    }
    this.#consumer = info.name;
    if (this.#isClosed) {
      manager.consumers.delete(stream, info.name).catch(() => undefined);
      return;
    }
    this.#pending = info.num_pending;
    this.#listen();
    this.#pull();
    if (this.#pending === 0) this.#options.onChange();
  }

  #pull(): void {
    if (this.#consumer === undefined || this.#isClosed || this.#failure !== undefined) return;
    const { connection, stream } = this.#options;
    while (this.#openMessages <= OPEN_MESSAGES_LOW && this.#queue.bytes < PULL_BYTES) {
      const isLong = this.#isNextLong;
      this.#isNextLong = false;
      const messages = isLong ? 1 : PULL_MESSAGES;
      const request = {
        batch: messages,
        max_bytes: isLong ? Math.max(PULL_BYTES, connection.info?.max_payload ?? 0) + OVERHEAD_BYTES : PULL_BYTES,
        expires: nanos(PULL_MS),
        idle_heartbeat: nanos(HEARTBEAT_MS),
      };
      this.#openMessages += messages;
      try {
        // The subject of its statuses says what was asked for.
        connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${this.#consumer}`, JSON.stringify(request), {
          reply: `${this.#inbox}.${messages}`,
        });
      } catch (error) {
        this.#fail(natsFailure(error, 'reading the source'));
        return;
      }
    }
  }

  #take(message: Msg): void {
    if (this.#isClosed) return;
    this.#heardMs = this.#options.clock.monotonicMs();
    const { reply = '' } = message;
    if (!reply.startsWith(REPLY_PREFIX)) {
      this.#takeStatus(message);
      return;
    }
    const { sequence, delivery, timestampMs, pending } = deliveryOf(reply);
    this.#delivered += 1;
    if (delivery !== this.#delivered) {
      this.#fail(
        new PulsesError('CONNECTION_LOST', `NATS: delivery ${delivery} of the source came as ${this.#delivered}`),
      );
      return;
    }
    this.#pending = pending;
    this.#queue.push({
      subject: message.subject,
      sequence,
      timestampMs,
      body: message.data,
      // Headers are decoded only where they can matter.
      isTick: message.data.byteLength === 0 && message.headers?.has(TICK_HEADER) === true,
    });
    this.#openMessages -= 1;
    this.#pull();
    this.#options.onChange();
  }

  /** A pull is over, or there is no consumer any more. */
  #takeStatus({ subject, headers: own }: Msg): void {
    const status = own?.code ?? 0;
    if (status === STATUS_HEARTBEAT) return;
    const text = own?.description ?? '';
    const isOver = status === 404 || status === 408 || (status === 409 && /max ?bytes|batch completed/i.test(text));
    if (!isOver) {
      this.#fail(new PulsesError('CONNECTION_LOST', `NATS: reading the source ended: ${text} (${status})`));
      return;
    }
    const left = Number(own?.get('Nats-Pending-Messages') ?? 0);
    // The first message alone was too long for the pull.
    if (/max ?bytes/i.test(text) && left === Number(subject.slice(this.#inbox.length + 1))) this.#isNextLong = true;
    this.#openMessages -= left;
    this.#pull();
  }

  /** Heartbeats come while a pull is open. */
  #listen(): void {
    const { clock } = this.#options;
    const leftMs = this.#heardMs + SILENCE_MS_MAX - clock.monotonicMs();
    const look = () => {
      const isSilent = clock.monotonicMs() - this.#heardMs >= SILENCE_MS_MAX;
      if (isSilent && this.#openMessages > 0)
        this.#fail(new PulsesError('TIMED_OUT', 'NATS: the consumer of the source is silent'));
      else this.#listen();
    };
    if (this.#failure === undefined && !this.#isClosed)
      this.#silence = clock.setTimer(Math.max(leftMs, HEARTBEAT_MS), look, { keepAlive: false });
  }

  #fail(error: PulsesError): void {
    this.#failure ??= error;
    this.#silence?.cancel();
    this.#options.onChange();
  }
}

/**
 * What the reply subject of a delivery says. With a domain and the account's hash it has two tokens more:
 * `$JS.ACK[.<domain>.<account>].<stream>.<consumer>.<times>.<stream seq>.<consumer seq>.<nanoseconds>.<pending>[.<random>]`
 */
function deliveryOf(reply: string) {
  let at = REPLY_PREFIX.length;
  let dots = 0;
  for (let index = at; index < reply.length; index += 1) if (reply.charCodeAt(index) === DOT) dots += 1;
  for (let skipped = dots === SHORT_REPLY_DOTS ? 3 : 5; skipped > 0; skipped -= 1) at = reply.indexOf('.', at) + 1;
  const next = (): string => {
    const end = reply.indexOf('.', at);
    const token = reply.slice(at, end < 0 ? undefined : end);
    at = end + 1;
    return token;
  };
  const [sequence, delivery, nanoseconds, pending] = [next(), next(), next(), next()];
  return {
    sequence: Number(sequence),
    delivery: Number(delivery),
    // Nanoseconds do not fit a number.
    timestampMs: Number(nanoseconds.slice(0, -6)),
    pending: Number(pending),
  };
}
