// The state that the tools' scenarios share: one system, and for each test a topic and tools of its own.

import { afterAll, afterEach, beforeAll, beforeEach } from '@jest/globals';
import type {
  Connector,
  ConnectorTools,
  KeyOf,
  LineProducer,
  Partition,
  PartitionInfo,
  Session,
  TopicAdmin,
} from '@pulses/connector-api';
import { forEachMessage } from '@pulses/connector-api';
import { openSession } from '../session-probe';

/** What the tools' suite needs of a system under test. */
export interface ToolsHarness {
  createTools(): ConnectorTools;
  /** An ingestor's side, which makes outputs and positions. The suite closes it. */
  createConnector(): Connector;
  /** Stops the system under test. The suite has closed every connection by then. */
  close(): Promise<void>;
}

const AHEAD_BYTES = 1 << 20;

export interface StoredMessage {
  readonly partition: number | undefined;
  readonly offset: number;
  readonly timestampMs: number;
  readonly text: string;
}

/** The key of the suite's messages: what stands before the first space. */
export const keyOf: KeyOf = (bytes, start, end) => {
  const space = bytes.indexOf(32, start);
  return space < 0 || space >= end ? undefined : bytes.subarray(start, space);
};

/** Lines as one payload. */
export function payloadOf(lines: readonly string[]): Uint8Array {
  return Buffer.from(lines.map((line) => `${line}\n`).join(''));
}

export class ToolsSuite {
  #harness: ToolsHarness | undefined;
  #admins: TopicAdmin[] = [];
  #producers: LineProducer[] = [];
  #connectors: Connector[] = [];
  #topics = 0;

  /** Declares the hooks that bring the system up and down. */
  constructor(start: () => Promise<ToolsHarness>) {
    beforeAll(async () => {
      this.#harness = await start();
    });
    beforeEach(() => {
      this.#topics += 1;
    });
    afterEach(async () => {
      for (const producer of this.#producers.splice(0)) producer.abort();
      for (const admin of this.#admins.splice(0)) admin.close();
      await Promise.all(this.#connectors.splice(0).map((connector) => connector.close()));
    });
    afterAll(async () => {
      await this.#harness?.close();
    });
  }

  get harness(): ToolsHarness {
    if (this.#harness === undefined) throw new Error('the system has not started');
    return this.#harness;
  }

  /** A source topic that no other test uses. */
  get topic(): string {
    return `source.tools-${this.#topics}`;
  }

  async connect(): Promise<TopicAdmin> {
    const admin = await this.harness.createTools().connect();
    this.#admins.push(admin);
    return admin;
  }

  async producer(topic = this.topic): Promise<LineProducer> {
    const producer = await this.harness.createTools().openProducer({ topic, keyOf, isPatient: false });
    this.#producers.push(producer);
    return producer;
  }

  async publish(lines: readonly string[], topic = this.topic): Promise<void> {
    const producer = await this.producer(topic);
    await producer.send(payloadOf(lines), lines.length);
    await producer.close();
  }

  /** The time as the active member of the source's group. */
  async session(): Promise<Session> {
    const connector = this.harness.createConnector();
    this.#connectors.push(connector);
    return await openSession(connector, this.topic);
  }

  /** The one partition that holds messages. */
  async filled(admin: TopicAdmin, topic = this.topic): Promise<PartitionInfo> {
    const filled = (await admin.partitions(topic)).filter(({ startOffset, nextOffset }) => nextOffset > startOffset);
    const [partition] = filled;
    if (partition === undefined || filled.length > 1) throw new Error(`${filled.length} partitions of ${topic}`);
    return partition;
  }

  /** Everything stored on a topic, partition by partition. */
  async stored(admin: TopicAdmin, topic = this.topic): Promise<StoredMessage[]> {
    const messages: StoredMessage[] = [];
    for (const info of await admin.partitions(topic))
      messages.push(...(await this.range(admin, info, info.startOffset, info.nextOffset)));
    return messages;
  }

  async range(admin: TopicAdmin, partition: Partition, fromOffset: number, untilOffset: number) {
    const messages: StoredMessage[] = [];
    for await (const some of admin.read(partition, { fromOffset, untilOffset, aheadBytes: AHEAD_BYTES }))
      for (const batch of some)
        forEachMessage(batch, (start, end, index) => {
          messages.push({
            partition: partition.partition,
            offset: batch.baseOffset + index,
            timestampMs: batch.timestampMs,
            text: Buffer.from(batch.payload.subarray(start, end)).toString(),
          });
        });
    return messages;
  }
}
