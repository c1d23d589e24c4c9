// Ingestors on a real Kafka under load, and the check that nothing is lost, doubled or changed.

import { freePort, startApp, until, type RunningApp } from '@pulses/testing-processes';
import { kafkaAdmin, readTopic, writeStream, type KafkaAdmin, type KafkaServer } from '@pulses/testing-services';
import { differencesOf, expectedOf } from '@pulses/testing-system';
import { PassThrough } from 'node:stream';
import { loadLine } from './steady-load';

const WINDOW_MS = 1_000;
const LOG_CHARS_SHOWN = 8_000;

export interface KafkaTopicNames {
  readonly source: string;
  readonly grouped: string;
  readonly aggregated: string;
  readonly deadLetters: string;
}

/** One ingestor of the group. */
export interface KafkaIngestor {
  readonly app: RunningApp;
  readonly httpPort: number;
  /** Pulses that it has grouped since its start; 0 when it does not answer. */
  grouped(): Promise<number>;
  /** Resolves once `grouped` exceeds the count. @throws Error that tells how far the source and the ingestor are */
  untilGrouped(count: number): Promise<void>;
  /** Kills it by SIGKILL and waits for its end. */
  kill(): Promise<void>;
}

export interface KafkaLoad {
  /** Lines given so far. */
  readonly sent: number;
  send(count: number): void;
  /** Resolves once all lines are stored. */
  finish(): Promise<void>;
}

export class KafkaSystem {
  readonly topics: KafkaTopicNames;
  readonly admin: KafkaAdmin;
  readonly #kafka: KafkaServer;
  readonly #closing = new AbortController();

  private constructor(kafka: KafkaServer, admin: KafkaAdmin, topics: KafkaTopicNames) {
    this.#kafka = kafka;
    this.admin = admin;
    this.topics = topics;
  }

  /** Creates topics of its own. */
  static async open(kafka: KafkaServer, { partitions = 1, replicas = 1 } = {}): Promise<KafkaSystem> {
    const prefix = kafka.topicPrefix;
    const topics = {
      source: `${prefix}.source`,
      grouped: `${prefix}.grouped`,
      aggregated: `${prefix}.aggregated`,
      deadLetters: `${prefix}.source.dead-letter`,
    };
    const admin = await kafkaAdmin(kafka.brokers);
    for (const topic of Object.values(topics)) await admin.createTopic(topic, { partitions, replicas });
    return new KafkaSystem(kafka, admin, topics);
  }

  get topicNames(): readonly string[] {
    const { source, grouped, aggregated, deadLetters } = this.topics;
    return [source, grouped, aggregated, deadLetters];
  }

  /** Starts one more ingestor. @param brokers of a proxy, in place of the nodes */
  async startIngestor({
    brokers = this.#kafka.brokers,
    args = [],
  }: { brokers?: string; args?: readonly string[] } = {}): Promise<KafkaIngestor> {
    const httpPort = await freePort();
    const { source, grouped, aggregated } = this.topics;
    const app = startApp({
      app: 'ingestor',
      args: [
        '--connector=kafka',
        `--kafka-brokers=${brokers}`,
        `--source-topic=${source}`,
        `--kafka-grouped-topic=${grouped}`,
        `--kafka-aggregated-topic=${aggregated}`,
        `--flush-interval=${WINDOW_MS}ms`,
        `--http-port=${httpPort}`,
        '--log-format=json',
        ...args,
      ],
    });
    let hasEnded = false;
    void app.exited.then(() => (hasEnded = true));
    const get = async (path: string) => await (await fetch(`http://127.0.0.1:${httpPort}${path}`)).text();
    const ingestor: KafkaIngestor = {
      app,
      httpPort,
      async grouped() {
        if (hasEnded)
          throw new Error(`the ingestor has ended:\n${app.stderr.slice(-4_000)}${app.stdout.slice(-4_000)}`);
        try {
          return Number(/^pulses_grouped_total (\d+)$/m.exec(await get('/metrics'))?.[1] ?? 0);
        } catch {
          return 0;
        }
      },
      untilGrouped: (count) =>
        until(async () => (await ingestor.grouped()) > count).catch(async (cause: unknown) => {
          const stored = await readTopic({ brokers: this.#kafka.brokers, topic: source }).then(
            ({ length }) => `${length} records`,
            String,
          );
          const told = [
            `the ingestor has grouped ${await ingestor.grouped()} of more than ${count}; the source has ${stored}`,
            await get('/readyz').catch(String),
            `${app.stdout}${app.stderr}`.slice(-LOG_CHARS_SHOWN),
          ];
          throw new Error(told.join('\n'), { cause });
        }),
      async kill() {
        app.signal('SIGKILL');
        await app.exited;
      },
    };
    return ingestor;
  }

  /** A producer that outlives every fault: kcat, which tries again until a line is stored. Keyed by tenant. */
  startLoad(): KafkaLoad {
    const lines = new PassThrough();
    const place = { brokers: this.#kafka.brokers, topic: this.topics.source };
    const ended = writeStream(place, true, lines, this.#closing.signal);
    ended.catch(() => undefined);
    let sent = 0;
    return {
      get sent() {
        return sent;
      },
      send(count) {
        for (const end = sent + count; sent < end; sent += 1) {
          const line = loadLine(sent);
          lines.write(`${line.startsWith('{') ? keyOf(line) : 'none'}\t${line}\n`);
        }
      },
      async finish() {
        lines.end();
        await ended;
      },
    };
  }

  /** Waits until every pulse of the source is in a readable window sum, and compares all outputs. @returns what is wrong */
  async check(): Promise<string[]> {
    const read = (topic: string) => readTopic({ brokers: this.#kafka.brokers, topic });
    const { grouped, aggregated, deadLetters } = this.topics;
    const source = await read(this.topics.source);
    const expected = expectedOf(source, WINDOW_MS);
    const summed = async () =>
      (await read(aggregated)).reduce((sum, { value }) => sum + countIn(value?.toString() ?? ''), 0);
    await until(async () => (await summed()) >= expected.pulses);
    await until(async () => (await read(grouped)).length >= expected.pulses);
    await until(async () => (await read(deadLetters)).length >= expected.deadLetters.size);
    const outputs = {
      source,
      grouped: await read(grouped),
      aggregated: await read(aggregated),
      deadLetters: await read(deadLetters),
    };
    return differencesOf(outputs, WINDOW_MS);
  }

  /** Also ends loads that a failed test left behind: they would wait for a Kafka that is gone. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.admin.close();
  }
}

const keyOf = (line: string) => (JSON.parse(line) as { tenant_id: string }).tenant_id;
const countIn = (line: string) => (JSON.parse(line) as { pulse_count: number }).pulse_count;
