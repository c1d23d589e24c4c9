// What benches ask a broker, over one connection of the test client.
//
// Guarantees: requests take effect in the order of the calls. It does not survive a lost connection, and bounds nothing:
// the bench decides how much is in flight.

import { LIST_TOPICS_LIMIT_MAX, payloadOf, type RecordBatch, type Response, type TopicInfo } from '@pulses/broker-wire';
import { connectWire, type WireClient } from '@pulses/testing-wire-client';
import { randomBytes } from 'node:crypto';

const CREDIT_BYTES = 4 * 1024 * 1024;

export class BrokerLink {
  readonly #client: WireClient;
  readonly #producerId = randomBytes(16).toString('hex');
  #sequence = 0;
  #failure: Error | undefined;

  private constructor(client: WireClient) {
    this.#client = client;
  }

  static async open(port: number): Promise<BrokerLink> {
    return new BrokerLink(await connectWire(port, { client: 'bench' }));
  }

  /** Resolves, once it is stored, to the offset of the first message. */
  async produce(topic: string, payload: Uint8Array, recordCount: number): Promise<number> {
    const producer = { id: this.#producerId, epoch: 0, sequence: this.#sequence };
    this.#sequence += 1;
    const request = { type: 'produce', producer, topic, recordCount, ...payloadOf(payload) } as const;
    return (await this.#client.request('produced', request)).baseOffset;
  }

  /** Reads an existing topic from its first message, until the returned function is called or the link is closed. */
  read(
    topic: string,
    onRecords: (batch: RecordBatch) => void,
    onFailure: (error: Error) => void = () => undefined,
  ): () => void {
    let takenBytes = 0;
    let isStopped = false;
    const fail = (error: Error): void => {
      this.#failure ??= error;
      onFailure(error);
    };
    const take = (response: Response): void => {
      if (response.type === 'error')
        fail(new Error(`the broker ended the stream of ${topic}: ${response.code}, ${response.message}`));
      if (response.type !== 'records') return;
      for (const batch of response.batches) {
        takenBytes += batch.payload.byteLength;
        onRecords(batch);
      }
      if (takenBytes < CREDIT_BYTES / 2 || isStopped) return;
      stream.send({ type: 'credit', bytes: takenBytes });
      takenBytes = 0;
    };
    const request = { type: 'fetch', topic, incarnation: '', fromOffset: 0, creditBytes: CREDIT_BYTES } as const;
    const stream = this.#client.stream(request, take, fail);
    return () => {
      if (isStopped) return;
      isStopped = true;
      stream.forget();
      stream.send({ type: 'stop-fetch' });
    };
  }

  /** At least the first `count` messages of a topic, as text with their line feeds. */
  readText(topic: string, count: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const parts: string[] = [];
      let missing = count;
      const stop = this.read(
        topic,
        ({ payload, recordCount }) => {
          parts.push(Buffer.from(payload).toString('utf8'));
          missing -= recordCount;
          if (missing > 0) return;
          stop();
          resolve(parts.join(''));
        },
        reject,
      );
    });
  }

  /** Each topic whose name starts with the prefix, by its name. */
  async topics(prefix: string): Promise<ReadonlyMap<string, TopicInfo>> {
    const found = new Map<string, TopicInfo>();
    for (let after = ''; ;) {
      const request = { type: 'list-topics', prefix, after, limit: LIST_TOPICS_LIMIT_MAX } as const;
      const { topics, more } = await this.#client.request('topics', request);
      for (const info of topics) found.set(info.topic, info);
      if (!more) return found;
      after = topics.at(-1)?.topic ?? '';
    }
  }

  /** The offset of a group's position in a topic; 0 when there is none yet. */
  async position(group: string, topic: string, name: string): Promise<number> {
    const { positions } = await this.#client.request('positions', { type: 'read-positions', group, topic });
    return positions.find((position) => position.name === name)?.offset ?? 0;
  }

  /** For code that waits for records. @throws Error when the connection is lost or a read has failed */
  assertAlive(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#client.isOver) throw new Error('the broker has closed the connection');
  }

  close(): void {
    this.#client.close();
  }
}
