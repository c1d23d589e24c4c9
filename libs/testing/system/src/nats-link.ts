// NATS as programs of others see it: publishes pulses, reads outputs and the position. No code of the connector.

import { jetstream, jetstreamManager, type JetStreamManager, type JsMsg } from '@nats-io/jetstream';
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';

const BATCH_MESSAGES_MAX = 1_000;
const STORE_MS_MAX = 20_000;
/** A cluster without a leader answers nothing. */
const ANSWER_MS_MAX = 5_000;

/** An output message. */
export interface NatsOutput {
  readonly subject: string;
  readonly sequence: number;
  readonly lines: readonly string[];
}

/** A pulse of the source. */
export interface NatsPulse {
  readonly sequence: number;
  readonly line: string;
}

/** Header of messages of the source that are no pulses. */
const TICK_HEADER = 'pulses-tick';

export class NatsLink {
  readonly #connection: NatsConnection;
  readonly #manager: JetStreamManager;
  readonly #source: string;
  #batches = 0;

  private constructor(connection: NatsConnection, manager: JetStreamManager, source: string) {
    this.#connection = connection;
    this.#manager = manager;
    this.#source = source;
  }

  /** @param url of one server, or of all, separated by commas */
  static async open(url: string, source = 'source.pulses'): Promise<NatsLink> {
    const connection = await connect({ servers: url.split(','), reconnect: false, timeout: ANSWER_MS_MAX });
    try {
      return new NatsLink(connection, await jetstreamManager(connection, { timeout: ANSWER_MS_MAX }), source);
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  get connection(): NatsConnection {
    return this.#connection;
  }

  get manager(): JetStreamManager {
    return this.#manager;
  }

  /** Makes the source's stream, with atomic batches for a fast load. */
  async createSource(replicas = 1): Promise<void> {
    await this.#manager.streams.add({
      name: 'pulses-source',
      subjects: [this.#source],
      allow_atomic: true,
      num_replicas: replicas,
    });
  }

  /** Has the leader of a stream resign, of which another server becomes the leader. */
  async stepDown(stream: string): Promise<void> {
    await this.#connection.request(`$JS.API.STREAM.LEADER.STEPDOWN.${stream}`, '', { timeout: ANSWER_MS_MAX });
  }

  /** Stores messages in order, a batch at a time; resolves to the sequence of the last one. */
  async publish(messages: readonly (Uint8Array | string)[]): Promise<number> {
    let last = 0;
    for (let at = 0; at < messages.length; at += BATCH_MESSAGES_MAX)
      last = await this.#publishBatch(messages.slice(at, at + BATCH_MESSAGES_MAX));
    return last;
  }

  /** A position of the group `ingestor` on the source; 0 when there is none. */
  async position(name: 'grouped' | 'windowed'): Promise<number> {
    const subject = `pulses.positions.ingestor.${this.#source.replaceAll('.', '%2E')}`;
    const message = await this.#manager.streams.getMessage('pulses-ingestor', { last_by_subj: subject });
    if (message === null) return 0;
    return message.json<{ positions: Record<string, { offset: number } | undefined> }>().positions[name]?.offset ?? 0;
  }

  /** Every pulse of the source, in order. */
  async sourceMessages(): Promise<NatsPulse[]> {
    const messages = await this.#read(await this.sourceStream(), [this.#source]);
    return messages
      .filter(({ headers: own }) => own?.has(TICK_HEADER) !== true)
      .map((message) => ({ sequence: message.seq, line: message.string() }));
  }

  /** Name of the stream that holds the source. */
  async sourceStream(): Promise<string> {
    const [name] = await this.#manager.streams.names(this.#source).next();
    if (name === undefined) throw new Error(`no stream holds ${this.#source}`);
    return name;
  }

  /** Every output message of a kind, in order. */
  async outputs(kind: 'grouped.pulses' | 'aggregated.pulses.amount' | 'dead-letter'): Promise<NatsOutput[]> {
    const subject = kind === 'dead-letter' ? `${this.#source}.dead-letter` : `tenants.*.${kind}`;
    return (await this.#read('pulses-ingestor', [subject])).map((message) => ({
      subject: message.subject,
      sequence: message.seq,
      lines: message.string().split('\n').slice(0, -1),
    }));
  }

  async #read(stream: string, subjects: string[]): Promise<JsMsg[]> {
    const consumer = await jetstream(this.#connection).consumers.get(stream, { filter_subjects: subjects });
    const all: JsMsg[] = [];
    if ((await consumer.info()).num_pending === 0) return all;
    const messages = await consumer.consume();
    for await (const message of messages) {
      all.push(message);
      if (message.info.pending === 0) break;
    }
    await messages.close();
    return all;
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #publishBatch(messages: readonly (Uint8Array | string)[]): Promise<number> {
    this.#batches += 1;
    const id = `load-${process.pid}-${Date.now()}-${this.#batches}`;
    const ownHeaders = (index: number) => {
      const own = headers();
      if (messages.length === 1) return own;
      own.set('Nats-Batch-Id', id);
      own.set('Nats-Batch-Sequence', String(index + 1));
      if (index === messages.length - 1) own.set('Nats-Batch-Commit', '1');
      return own;
    };
    for (const [index, message] of messages.slice(0, -1).entries())
      this.#connection.publish(this.#source, message, { headers: ownHeaders(index) });
    const answer = await this.#connection.request(this.#source, messages.at(-1), {
      headers: ownHeaders(messages.length - 1),
      timeout: STORE_MS_MAX,
    });
    const { error, seq } = answer.json<{ error?: { description: string }; seq: number }>();
    if (error !== undefined) throw new Error(`the load was refused: ${error.description}`);
    return seq;
  }
}
