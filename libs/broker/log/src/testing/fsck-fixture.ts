// Data directories of several shapes, what they hold by plain arrays, and ways to damage them.

import { until } from '@pulses/testing-processes';
import { createSimRandom } from '@pulses/testing-sim';
import { createHash } from 'node:crypto';
import { cp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { columnsOf, type StoredPosition } from '@pulses/broker-wire';
import type { BrokerLog } from '@pulses/broker-log-api';
import type { BrokerLogOptions } from '../options';
import { lines, openLog, publish, readMessages, stamp, temporaryDirectories } from './log-fixture';

export const SMALL: Partial<BrokerLogOptions> = {
  segmentBytesMax: 20_000,
  topicSegmentBytesMax: 8_000,
  entriesHeldMax: 4,
  checkpointBytes: 30_000,
  tailBytesMax: 5_000,
  materialiseDelayMs: 2,
  retentionIntervalMs: 5,
};

export interface Shape {
  readonly directory: string;
  /** Messages by topic, the first one at `startOffset`. */
  readonly topics: Map<string, { startOffset: number; messages: string[] }>;
  readonly positions: StoredPosition[];
  /** Sequence of the producer of `source` that comes next. */
  readonly nextSequence: number;
}

export type ShapeName = 'fresh' | 'few messages' | 'many segments' | 'retention' | 'deleted topics' | 'restarted often';
export const SHAPES: readonly ShapeName[] = [
  'fresh',
  'few messages',
  'many segments',
  'retention',
  'deleted topics',
  'restarted often',
];

function message(topic: string, at: number): string {
  return `${topic}:${at}:${'x'.repeat((at * 31) % 120)}`;
}

/** Makes each shape once, and gives out copies. */
export function builtShapes(): {
  copy(directory: string, name: ShapeName): Promise<Shape>;
  removeAll(): Promise<void>;
} {
  const directories = temporaryDirectories();
  const built = new Map<ShapeName, Promise<Shape>>();
  return {
    copy: async (directory, name) => {
      const made = built.get(name) ?? directories.make().then((at) => buildShape(at, name));
      built.set(name, made);
      const shape = await made;
      await cp(shape.directory, directory, { recursive: true });
      return { ...shape, directory };
    },
    removeAll: () => directories.removeAll(),
  };
}

/** Makes a data directory, cleanly closed. */
async function buildShape(directory: string, name: ShapeName): Promise<Shape> {
  const retention = (topic: string) => (name === 'retention' && topic === 'logs' ? { bytes: 12_000 } : undefined);
  const expected = new Map<string, string[]>();
  // With a sync for each step, so that checkpoints keep pace and old journal segments go.
  const start = () => openLog(directory, { options: SMALL, retention });
  let log = await start();
  const rounds = name === 'fresh' ? 0 : name === 'few messages' ? 5 : 250;
  let groupEpoch = 0;
  let revision = 0;
  for (let round = 0; round < rounds; round += 1) {
    if (name === 'restarted often' && round % 50 === 49) {
      await log.close();
      log = await start();
      groupEpoch = 0;
    }
    const fresh = (topic: string, count: number): string[] => {
      const known = expected.get(topic) ?? [];
      expected.set(topic, known);
      const made = Array.from({ length: count }, (_, index) => message(topic, known.length + index));
      known.push(...made);
      return made;
    };
    await publish(log, 'source', fresh('source', 1 + (round % 4)), stamp(round));
    await publish(log, 'logs', fresh('logs', 2));
    if (groupEpoch === 0) groupEpoch = await log.advanceGroupEpoch('g');
    const { incarnation, nextOffset } = log.topic('source')!; // published just before
    await log.commit({
      group: 'g',
      groupEpoch,
      topic: 'source',
      incarnation,
      positions: [{ name: 'p', expectedRevision: revision, offset: nextOffset, metadata: `m${round}` }],
      ...columnsOf([0, 1].map((out) => ({ topic: `out.${out}`, ...lines(...fresh(`out.${out}`, 2)) }))),
    });
    revision += 1;
    if (name === 'deleted topics' && round % 60 === 59) {
      await log.deleteTopics(['out.1', 'logs']);
      expected.delete('out.1');
      expected.delete('logs');
    }
  }
  if (rounds > 100) await until(async () => (await readdir(join(directory, 'checkpoints'))).length === 2);
  if (name === 'retention') await until(() => (log.topic('logs')?.startOffset ?? 0) > 100);
  await filesCaughtUp(log, directory);
  const topics = new Map<string, { startOffset: number; messages: string[] }>();
  for (const [topic, messages] of expected) {
    const { startOffset } = log.topic(topic)!; // never deleted, or published since
    topics.set(topic, { startOffset, messages: messages.slice(startOffset) });
  }
  const positions = await log.positions('', '');
  await log.close();
  return { directory, topics, positions, nextSequence: rounds };
}

async function filesCaughtUp(log: BrokerLog, directory: string): Promise<void> {
  for (const { topic, nextOffset, startOffset } of log.topics({ prefix: '', after: '', limit: 100 }).topics) {
    if (nextOffset === startOffset) continue;
    await until(async () => {
      const names = (await readdir(join(directory, 'topics', topic)).catch(() => [])).filter((file) =>
        file.endsWith('.ndjson'),
      );
      const texts = await Promise.all(
        names.sort().map((file) => readFile(join(directory, 'topics', topic, file), 'utf8').catch(() => '')),
      );
      return texts.join('').endsWith(`${(await readMessages(log, topic)).at(-1)}\n`);
    });
  }
}

/** Every file of the directory but the lock's, by path from it, sorted. */
export async function filesOf(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith('broker.lock'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Changes when any byte or name of the directory does. */
export async function fingerprint(directory: string): Promise<string> {
  const hash = createHash('sha256');
  for (const path of await filesOf(directory))
    hash
      .update(path)
      .update('\0')
      .update(await readFile(path));
  return hash.digest('hex');
}

export async function flipBit(path: string, byte: number, bit = 0): Promise<void> {
  const bytes = await readFile(path);
  bytes[byte]! ^= 1 << bit; // callers stay within the file
  await writeFile(path, bytes);
}

export async function sizeOf(path: string): Promise<number> {
  return (await stat(path)).size;
}

/** Integers from 0 to below `end`. */
export function seededNumbers(seed: number): (end: number) => number {
  const random = createSimRandom(seed);
  return (end) => Math.floor(random.fraction() * end);
}
