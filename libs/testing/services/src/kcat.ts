// Kafka's outside reader: kcat, on librdkafka, which shares no code with what is tested.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { provideProgram, type Program } from './program';

const PACKAGES = ['kcat', 'librdkafka1', 'libyajl2', 'liblz4-1', 'libsasl2-2', 'libsasl2-modules-db', 'libzstd1'];
/** Between key and line of what is produced. */
const KEY_END = '\t';
const OUTPUT_BYTES_MAX = 1024 * 1024 * 1024;

export interface KafkaRecord {
  readonly partition: number;
  readonly offset: number;
  /** Null when the record has none. */
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Unix milliseconds. */
  readonly timestamp: number;
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
  const { path, env } = await provideKcat();
  const settings = {
    'isolation.level': options.uncommitted === true ? 'read_uncommitted' : 'read_committed',
    // Another end than the committed one would be no end.
    'enable.partition.eof': 'true',
    ...options.settings,
  };
  const from = options.partition === undefined ? [] : ['-p', String(options.partition)];
  const args = [
    ...['-b', options.brokers, '-C', '-t', options.topic, ...from, '-o', 'beginning', '-e', '-E'],
    ...Object.entries(settings).flatMap(([name, value]) => ['-X', `${name}=${value}`]),
    ...['-f', '%p %o %T %K %S\\n%k%s\\n'],
  ];
  return parsed(await output(path, args, { ...process.env, ...env }));
}

function output(path: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    execFile(path, args, { env, encoding: 'buffer', maxBuffer: OUTPUT_BYTES_MAX }, (error, stdout, stderr) => {
      if (error) reject(new Error(`kcat failed: ${stderr.toString().trim() || error.message}`, { cause: error }));
      else resolve(stdout);
    });
  });
}

/** `<partition> <offset> <timestamp> <key length> <value length>`, a line feed, key and value, a line feed. */
function parsed(bytes: Buffer): KafkaRecord[] {
  const records: KafkaRecord[] = [];
  let position = 0;
  while (position < bytes.length) {
    const end = bytes.indexOf(10, position);
    const [partition = 0, offset = 0, timestamp = 0, keyLength = 0, valueLength = 0] = bytes
      .toString('latin1', position, end)
      .split(' ')
      .map(Number);
    const keyEnd = end + 1 + Math.max(keyLength, 0);
    const valueEnd = keyEnd + Math.max(valueLength, 0);
    records.push({
      partition,
      offset,
      timestamp,
      key: keyLength < 0 ? null : bytes.subarray(end + 1, keyEnd),
      value: valueLength < 0 ? null : bytes.subarray(keyEnd, valueEnd),
    });
    position = valueEnd + 1;
  }
  return records;
}

/** Appends a record for each line, through kcat's producer. @param keys as many as lines; without them, no record has a key */
export async function writeLines(
  { brokers, topic, partition }: Pick<KcatOptions, 'brokers' | 'topic' | 'partition'>,
  lines: readonly string[],
  keys?: readonly string[],
): Promise<void> {
  const { path, env } = await provideKcat();
  const to = partition === undefined ? [] : ['-p', String(partition)];
  const keyed = keys === undefined ? [] : ['-K', KEY_END];
  const input = lines.map((line, index) => `${keys === undefined ? '' : `${keys[index] ?? ''}${KEY_END}`}${line}\n`);
  const args = ['-b', brokers, '-P', '-t', topic, ...to, ...keyed, '-X', 'acks=all', '-X', 'enable.idempotence=true'];
  const child = spawn(path, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input.join(''));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`kcat failed: ${errors.trim()}`);
}
