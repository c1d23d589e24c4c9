// What the benches share: a log in a new directory, commits of columns over many topics, and how they are printed.

import { mkdtemp, rm } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommitRequest } from '@pulses/broker-log-api';
import { NEW_TOPIC_ID, payloadOf, type TopicColumns } from '@pulses/broker-wire';
import { nodeClock, nodeFileSystem, nodeRandom } from '@pulses/shared-node-platform';
import { openSegmentLog, type OpenSegmentLogOptions, type SegmentLog } from '../src';

export const isSmoke = process.env['SMOKE'] === '1';
/** A line of a usual length. */
export const LINE = `{"pad":"${'x'.repeat(239)}"}\n`;
/** What opens a topic. */
const SHORT_LINE = `{"pad":1}\n`;

/** A number that the environment sets. */
export function sizeOf(name: string, usual: number, smoke: number): number {
  return Number(process.env[name] ?? (isSmoke ? smoke : usual));
}

export function open(directory: string, rest: Partial<OpenSegmentLogOptions> = {}): Promise<SegmentLog> {
  return openSegmentLog({ fileSystem: nodeFileSystem, clock: nodeClock, random: nodeRandom, directory, ...rest });
}

/** Runs with a directory that is removed afterwards. The log's timers keep no process alive; a broker's sockets do. */
export async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(process.env['BENCH_DIR'] ?? process.cwd(), 'tmp-bench-'));
  const alive = setInterval(() => undefined, 1_000);
  try {
    await work(directory);
  } finally {
    clearInterval(alive);
    await rm(directory, { recursive: true, force: true });
  }
}

/** Waits until all that is full is sealed. */
export async function sealed(log: SegmentLog): Promise<void> {
  while (log.unsealedBytes > 0) await sleep(20);
}

type Base = Omit<CommitRequest, keyof TopicColumns>;

/** Columns that say nothing of topics. */
type Lines = Omit<TopicColumns, 'newTopics' | 'topicIds'>;

/** Topics and a group that commits lines to them, one a topic, in turns. */
export class Tenants {
  readonly #log: SegmentLog;
  readonly #base: Base;
  readonly #ids: Uint32Array;
  #next = 0;

  private constructor(log: SegmentLog, base: Base, count: number) {
    this.#log = log;
    this.#base = base;
    this.#ids = new Uint32Array(count);
  }

  static async of(log: SegmentLog, count: number): Promise<Tenants> {
    const { incarnation } = await log.createTopic('source');
    const groupEpoch = await log.advanceGroupEpoch('g');
    return new Tenants(log, { group: 'g', groupEpoch, topic: 'source', incarnation, positions: [] }, count);
  }

  static nameOf(topic: number): string {
    return `tenants.t${topic}.grouped.pulses`;
  }

  /** Opens topics with a short line each, in one commit. */
  async open(from: number, count: number): Promise<void> {
    const newTopics = Array.from({ length: count }, (_, index) => Tenants.nameOf(from + index));
    const topicIds = Uint32Array.from({ length: count }, (_, index) => NEW_TOPIC_ID + index);
    const { newTopicIds } = await this.#log.commit({
      ...this.#base,
      ...lines(count, SHORT_LINE),
      newTopics,
      topicIds,
    });
    this.#ids.set(newTopicIds, from);
  }

  /** Stores a line in each of the next topics. */
  async commit(count: number): Promise<void> {
    const topicIds = Uint32Array.from({ length: count }, (_, index) => {
      const topic = (this.#next + index) % this.#ids.length;
      return this.#ids[topic]!; // below the length
    });
    this.#next = (this.#next + count) % this.#ids.length;
    await this.#log.commit({ ...this.#base, ...lines(count, LINE), newTopics: [], topicIds });
  }
}

const made = new Map<string, Lines>();

function lines(count: number, line: string): Lines {
  const known = made.get(`${count}${line}`);
  if (known !== undefined) return known;
  const lengths = new Uint32Array(count).fill(line.length);
  const payload = payloadOf(Buffer.from(line.repeat(count)));
  const columns = { counts: new Uint32Array(count).fill(1), lengths, ...payload };
  made.set(`${count}${line}`, columns);
  return columns;
}

/** Prints the result as one line. */
export function print(bench: string, result: object): void {
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`;
  console.log(JSON.stringify({ bench, ...result, machine, smoke: isSmoke }));
}
