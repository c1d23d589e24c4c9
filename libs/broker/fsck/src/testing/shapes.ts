// Data directories of several shapes, what they hold by plain arrays, and ways to damage them.

import type { AppendResult, BrokerLog } from '@pulses/broker-log-api';
import {
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  openSegmentLog,
  SEGMENT_HEADER_BYTES,
  type OpenSegmentLogOptions,
  type SegmentLog,
} from '@pulses/broker-segment-log';
import { columnsOf, type ProducerStamp, type StoredPosition, type TopicAppend } from '@pulses/broker-wire';
import { nodeClock } from '@pulses/shared-node-platform';
import type { FileSystem } from '@pulses/shared-ports';
import { until } from '@pulses/testing-processes';
import { createSimFileSystem, createSimRandom, type SimFileSystem } from '@pulses/testing-sim';

export const DIRECTORY = '/data';

export interface Shape {
  readonly disk: SimFileSystem;
  /** Messages by topic, the first one at `startOffset`. */
  readonly topics: ReadonlyMap<string, { startOffset: number; messages: string[] }>;
  readonly positions: readonly StoredPosition[];
  /** Sequence of the producer of `source` that comes next. */
  readonly nextSequence: number;
}

const ROUNDS = {
  fresh: 0,
  'few messages': 5,
  'many runs': 250,
  'pieces with checksums': 260,
  retention: 250,
  'deleted topics': 250,
  'restarted often': 250,
  'used again': 250,
};

export type ShapeName = keyof typeof ROUNDS;
export const SHAPES = Object.keys(ROUNDS) as readonly ShapeName[];

export const kindOf = (topic: string): number => (topic.startsWith('out') ? 1 : 0);

export function openOn(
  fileSystem: FileSystem,
  directory = DIRECTORY,
  rest: Partial<OpenSegmentLogOptions> = {},
): Promise<SegmentLog> {
  return openSegmentLog({
    ...{ fileSystem, directory, kindOf, clock: nodeClock, random: createSimRandom(1) },
    options: { segmentBytesMax: 20_000, tailBytesMax: 5_000, retentionIntervalMs: 5 },
    ...rest,
  });
}

export function lines(...messages: readonly string[]): Pick<TopicAppend, 'recordCount' | 'payload'> {
  return { recordCount: messages.length, payload: Buffer.from(messages.map((message) => `${message}\n`).join('')) };
}

export function publish(
  log: BrokerLog,
  topic: string,
  messages: readonly string[],
  producer?: ProducerStamp,
): Promise<AppendResult> {
  return log.append({ topic, ...lines(...messages) }, producer);
}

export const stamp = (sequence: number): ProducerStamp => ({ id: 'ab'.repeat(16), epoch: 1, sequence });

/** Every message of the topic; fails when offsets have gaps. */
export async function readMessages(log: BrokerLog, topic: string): Promise<string[]> {
  const info = log.topic(topic);
  const messages: string[] = [];
  for (let offset = info?.startOffset ?? 0; info !== undefined && offset < info.nextOffset;) {
    for (const batch of await log.read(topic, info.incarnation, offset, 64 * 1024)) {
      const texts = Buffer.from(batch.payload).toString().split('\n').slice(0, -1);
      if (batch.baseOffset !== offset || texts.length !== batch.recordCount) {
        throw new Error(`asked for offset ${offset}, got ${texts.length} messages from ${batch.baseOffset}`);
      }
      messages.push(...texts);
      offset += batch.recordCount;
    }
  }
  return messages;
}

/** Makes each shape once, and gives out copies. */
export class BuiltShapes {
  readonly #built = new Map<ShapeName, Promise<Shape>>();

  async copy(name: ShapeName): Promise<Shape> {
    const made = this.#built.get(name) ?? buildShape(name);
    this.#built.set(name, made);
    const shape = await made;
    return { ...shape, disk: shape.disk.fork() };
  }
}

/** Makes a data directory, cleanly closed. */
async function buildShape(name: ShapeName): Promise<Shape> {
  const disk = createSimFileSystem({ seed: 1 });
  const expected = new Map<string, string[]>();
  const start = (): Promise<SegmentLog> =>
    openOn(disk, DIRECTORY, {
      retention: (kind) => (name === 'retention' && kind === 0 ? { bytes: 12_000 } : undefined),
      options: {
        segmentBytesMax: name === 'pieces with checksums' ? 300_000 : 20_000,
        tailBytesMax: 5_000,
        retentionIntervalMs: 5,
        groupBytesMax: 100_000,
        journalMode: name === 'used again' ? 'recycled' : 'append',
      },
    });
  let log = await start();
  const rounds = ROUNDS[name];
  let groupEpoch = 0;
  for (let round = 0; round < rounds; round += 1) {
    if (name === 'restarted often' && round % 50 === 49) {
      await log.close();
      log = await start();
      groupEpoch = 0;
    }
    const fresh = (topic: string, count: number): string[] => {
      const known = expected.get(topic) ?? [];
      expected.set(topic, known);
      const length = name === 'pieces with checksums' && topic === 'logs' ? 4_000 : 120;
      const made = Array.from({ length: count }, (_, index) => message(topic, known.length + index, length));
      known.push(...made);
      return made;
    };
    await publish(log, 'source', fresh('source', 1 + (round % 4)), stamp(round));
    await publish(log, 'logs', fresh('logs', 2));
    if (groupEpoch === 0) groupEpoch = await log.advanceGroupEpoch('g');
    const { incarnation, nextOffset } = log.topic('source')!; // published just before
    await log.commit({
      ...{ group: 'g', groupEpoch, topic: 'source', incarnation },
      positions: [{ name: 'p', expectedRevision: round, offset: nextOffset, metadata: `m${round}` }],
      ...columnsOf([0, 1].map((out) => ({ topic: `out.${out}`, ...lines(...fresh(`out.${out}`, 2)) }))),
    });
    if (name === 'deleted topics' && round % 60 === 59) {
      await log.deleteTopics(['out.1', 'logs']);
      expected.delete('out.1');
      expected.delete('logs');
    }
  }
  if (rounds > 100) await until(() => filesIn(disk, 'checkpoints').length === 2 && log.unsealedBytes === 0);
  if (name === 'retention') await until(() => (log.topic('logs')?.startOffset ?? 0) > 100);
  const positions = await log.positions('', '');
  await log.close();
  // Retention trims on time until the log is closed.
  const topics = new Map<string, { startOffset: number; messages: string[] }>();
  for (const [topic, messages] of expected) {
    const { startOffset } = log.topic(topic)!; // published
    topics.set(topic, { startOffset, messages: messages.slice(startOffset) });
  }
  return { disk: disk.fork(), topics, positions, nextSequence: rounds };
}

function message(topic: string, at: number, length: number): string {
  return `${topic}:${at}:${'x'.repeat((at * 31) % length)}`;
}

/** Paths of the files in a folder of the data directory. */
export function filesIn(disk: SimFileSystem, folder: string, directory = DIRECTORY): string[] {
  return disk.files().filter((path) => path.startsWith(`${directory}/${folder}/`));
}

/** The first file whose path matches. */
export function fileOf(disk: SimFileSystem, pattern: RegExp): string {
  const path = disk.files().find((name) => pattern.test(name));
  if (path === undefined) throw new Error(`no file is like ${String(pattern)}`);
  return path;
}

export function flipBit(disk: SimFileSystem, path: string, byte: number, bit = 0): void {
  const bytes = disk.bytesOf(path).slice();
  bytes[byte]! ^= 1 << bit; // callers stay within the file
  disk.replaceBytes(path, bytes);
}

/** Changes when any byte or name of the directory does. */
export function contentOf(disk: SimFileSystem): Map<string, string> {
  const paths = disk.files().filter((path) => path.startsWith(`${DIRECTORY}/`));
  return new Map(paths.map((path) => [path, Buffer.from(disk.bytesOf(path)).toString('latin1')]));
}

/** Integers from 0 to below `end`. */
export function seededNumbers(seed: number): (end: number) => number {
  const random = createSimRandom(seed);
  return (end) => Math.floor(random.fraction() * end);
}

/** Where frames start in a segment. */
export function framesOf(disk: SimFileSystem, path: string): number[] {
  const bytes = Buffer.from(disk.bytesOf(path));
  const starts: number[] = [];
  for (let at = SEGMENT_HEADER_BYTES; at < bytes.length && bytes.readUInt32LE(at) === FRAME_MAGIC;) {
    starts.push(at);
    at += Math.ceil((FRAME_HEADER_BYTES + bytes.readUInt32LE(at + 4) + bytes.readUInt32LE(at + 8)) / 8) * 8;
  }
  return starts;
}

/** The frame at a place of a segment is gone, with its header. */
export function loseAt(disk: SimFileSystem, path: string, at: number): void {
  disk.replaceBytes(
    path,
    disk
      .bytesOf(path)
      .slice()
      .fill(0, at, at + FRAME_HEADER_BYTES + 8),
  );
}
