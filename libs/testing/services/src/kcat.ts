// Kafka's outside reader: kcat, on librdkafka, which shares no code with what is tested.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { provideProgram, type Program } from './program';
import { atOwnEnd } from './server-process';

const PACKAGES = ['kcat', 'librdkafka1', 'libyajl2', 'liblz4-1', 'libsasl2-2', 'libsasl2-modules-db', 'libzstd1'];
/** Between key and line of what is produced. */
const KEY_END = '\t';
const ERROR_CHARS_MAX = 8_192;
const FORMAT = '%p %o %T %K %S %h\\n%k%s\\n';

export interface KafkaRecord {
  readonly partition: number;
  readonly offset: number;
  /** Null when the record has none. */
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Unix milliseconds. */
  readonly timestamp: number;
  /** As `name=value,…`; without line feeds. */
  readonly headers: string;
}

export interface KcatOptions {
  readonly brokers: string;
  readonly topic: string;
  /** Without it, every partition. */
  readonly partition?: number;
  /** Also what was aborted or is not yet committed. */
  readonly uncommitted?: boolean;
  /** Settings of librdkafka, such as `security.protocol`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** @throws Error with instructions to install it */
function provideKcat(): Promise<Program> {
  return provideProgram({ program: 'kcat', packages: PACKAGES });
}

/**
 * Every committed record of a topic up to its end, in the order of each partition.
 * @throws Error with kcat's own line when the topic can't be read
 */
export async function readTopic(options: KcatOptions): Promise<KafkaRecord[]> {
  const records: KafkaRecord[] = [];
  await eachRecord(options, (record) => {
    records.push(record);
  });
  return records;
}

/** The same for a topic that is too large for the memory. */
export async function eachRecord(options: KcatOptions, take: (record: KafkaRecord) => void): Promise<void> {
  const { ended } = await consume(options, ['-e'], take);
  await ended;
}

/** Calls `take` for each committed record from the first on, as it becomes readable. Resolves to what ends that. */
export async function followTopic(
  options: KcatOptions,
  take: (record: KafkaRecord) => void,
): Promise<() => Promise<void>> {
  const { child, ended } = await consume(options, ['-u'], take);
  return async () => {
    child.kill('SIGKILL');
    await ended.catch(() => undefined);
  };
}

/** Resolves once this number of committed records is readable. */
export async function untilReadable(options: KcatOptions, count: number): Promise<void> {
  const { path, env } = await provideKcat();
  const args = [...consumerArgs(options), '-c', String(count), '-f', ''];
  const child = spawn(path, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  await ending(child);
}

async function consume(
  options: KcatOptions,
  args: readonly string[],
  take: (record: KafkaRecord) => void,
): Promise<{ child: ChildProcess; ended: Promise<void> }> {
  const { path, env } = await provideKcat();
  const child = spawn(path, [...consumerArgs(options), ...args, '-f', FORMAT], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const parse = createParser(take);
  child.stdout.on('data', parse);
  return { child, ended: ending(child) };
}

function consumerArgs({ brokers, topic, partition, uncommitted = false, settings = {} }: KcatOptions): string[] {
  const given = { 'isolation.level': uncommitted ? 'read_uncommitted' : 'read_committed', ...settings };
  const from = partition === undefined ? [] : ['-p', String(partition)];
  // -E: a node that is gone is no error while another answers.
  return [
    ...['-b', brokers, '-C', '-t', topic, ...from, '-o', 'beginning', '-E'],
    ...Object.entries(given).flatMap(([name, value]) => ['-X', `${name}=${value}`]),
  ];
}

/** Resolves at kcat's end, which is at the latest that of this process. @throws Error with kcat's own line */
async function ending(child: ChildProcess): Promise<void> {
  const watcher = atOwnEnd(['kill', '-9', String(child.pid)]);
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => (errors = (errors + chunk.toString()).slice(-ERROR_CHARS_MAX)));
  child.stdin?.on('error', () => undefined);
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  watcher.kill('SIGKILL');
  if (code !== 0) throw new Error(`kcat failed: ${errors.trim() || String(signal ?? code)}`);
}

/** Takes the output in pieces. `<partition> <offset> <timestamp> <key length> <value length> <headers>`, a line feed, key and value, a line feed. */
function createParser(take: (record: KafkaRecord) => void): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    const all = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    let position = 0;
    for (let end = all.indexOf(10); end >= 0; end = all.indexOf(10, position)) {
      const head = all.toString('latin1', position, end);
      const [, numbers = '', headers = ''] = /^((?:-?\d+ ){5})(.*)$/.exec(head) ?? [];
      const [partition = 0, offset = 0, timestamp = 0, keyLength = 0, valueLength = 0] = numbers.split(' ').map(Number);
      const keyEnd = end + 1 + Math.max(keyLength, 0);
      const valueEnd = keyEnd + Math.max(valueLength, 0);
      if (valueEnd >= all.length) break;
      const key = keyLength < 0 ? null : all.subarray(end + 1, keyEnd);
      const value = valueLength < 0 ? null : all.subarray(keyEnd, valueEnd);
      take({ partition, offset, timestamp, headers, key, value });
      position = valueEnd + 1;
    }
    rest = all.subarray(position);
  };
}

/** Appends a record for each line, through kcat's producer. @param keys as many as lines; without them, no record has a key */
export function writeLines(
  place: Pick<KcatOptions, 'brokers' | 'topic' | 'partition'>,
  lines: readonly string[],
  keys?: readonly string[],
): Promise<void> {
  const texts = lines.map((line, index) => (keys === undefined ? line : `${keys[index] ?? ''}${KEY_END}${line}`));
  return writeStream(place, keys !== undefined, [`${texts.join('\n')}\n`]);
}

/**
 * The same for pieces of text that hold whole lines. Key and line are separated by a tab.
 * @param signal gives up what is not stored: a server that is gone for good would be waited for
 */
export async function writeStream(
  { brokers, topic, partition }: Pick<KcatOptions, 'brokers' | 'topic' | 'partition'>,
  isKeyed: boolean,
  pieces: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
  signal?: AbortSignal,
): Promise<void> {
  const { path, env } = await provideKcat();
  const to = partition === undefined ? [] : ['-p', String(partition)];
  const settings = ['acks=all', 'enable.idempotence=true', 'linger.ms=5', 'message.timeout.ms=0'].flatMap((setting) => [
    '-X',
    setting,
  ]);
  const args = ['-b', brokers, '-P', '-E', '-t', topic, ...to, ...(isKeyed ? ['-K', KEY_END] : []), ...settings];
  const child = spawn(path, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'ignore', 'pipe'] });
  signal?.addEventListener('abort', () => child.kill('SIGKILL'));
  const ended = ending(child);
  await Promise.all([pipeline(Readable.from(pieces), child.stdin), ended]);
}
