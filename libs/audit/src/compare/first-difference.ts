// The first difference of a few topics whose digests differ.
//
// Replays the source again and holds each topic's expected lines against its own, one by one.
// Bounds: the lines that one batch of the source leads to, and one batch of each topic.

import type { PartitionInfo, TopicReader } from '@pulses/connector-api';
import { NumberText, parseJsonExactly } from '@pulses/shared-pulse-model';
import type { ExpectedLines } from '../expected/expected-lines';
import type { Findings } from './findings';
import { fastReaders, OutputTopic } from '../actual/output-topic';
import { partitionsOf } from './named-outputs';
import type { AuditScope } from './scope';
import { replaySource, type ReplayOptions } from '../expected/source-replay';

const AHEAD_BYTES = 512 * 1024;
const LINE_FEED = 10;

export interface DifferenceOptions {
  readonly reader: TopicReader;
  readonly scope: AuditScope;
  readonly topics: readonly string[];
  readonly findings: Pick<Findings, 'add'>;
  /** The same as for the digests. */
  readonly replay: Pick<ReplayOptions, 'windowsFrom' | 'windowsTo' | 'stretches' | 'hashSeed'>;
  /** First source offset whose outputs a topic still keeps. */
  comparedFrom(topic: string): number;
}

/** Everything but the difference itself is reported already. */
const IGNORED: Pick<Findings, 'add'> = { add: () => undefined };

export async function findFirstDifferences(options: DifferenceOptions): Promise<void> {
  const { reader, scope, topics, findings, replay, comparedFrom } = options;
  const comparisons = new Map(
    topics.map((topic) => [
      topic,
      new LineComparison(topic, linesOf(reader, scope, topic), findings, comparedFrom(topic)),
    ]),
  );
  await replaySource({
    ...replay,
    reader,
    scope,
    findings: IGNORED,
    linesOf: (topic) => comparisons.get(topic)?.expected,
    async settle() {
      for (const comparison of comparisons.values()) await comparison.settle();
    },
  });
  for (const comparison of comparisons.values()) await comparison.end();
}

interface StoredLine {
  readonly offset: number;
  readonly bytes: Buffer;
}

async function* linesOf(
  reader: TopicReader,
  scope: AuditScope,
  topic: string,
): AsyncGenerator<StoredLine, void, undefined> {
  const [first, ...others] = await partitionsOf(reader, scope, topic);
  if (first === undefined) return;
  const output = new OutputTopic({ readers: fastReaders(scope), scope, info: first, findings: IGNORED });
  for (const partition of [first, ...others]) yield* linesIn(reader, partition, output);
}

async function* linesIn(
  reader: TopicReader,
  partition: PartitionInfo,
  output: OutputTopic,
): AsyncGenerator<StoredLine, void, undefined> {
  const { startOffset: fromOffset, nextOffset: untilOffset } = partition;
  for await (const batches of reader.read(partition, { fromOffset, untilOffset, aheadBytes: AHEAD_BYTES }))
    for (const batch of batches) {
      const lines: StoredLine[] = [];
      output.takeBatch(batch, (bytes, start, end, _count, firstOffset) => {
        let offset = firstOffset;
        for (let at = start; at < end; offset += 1) {
          const behind = bytes.indexOf(LINE_FEED, at) + 1;
          lines.push({ offset, bytes: bytes.subarray(at, behind) });
          at = behind;
        }
      });
      yield* lines;
    }
}

/** Holds expected lines against the stored ones until the first difference. */
class LineComparison {
  readonly expected: ExpectedLines;
  readonly #topic: string;
  readonly #stored: AsyncGenerator<StoredLine, void, undefined>;
  readonly #findings: Pick<Findings, 'add'>;
  /** Written since the last `settle`. */
  #pending: Buffer[] = [];
  #isDecided = false;

  constructor(
    topic: string,
    stored: AsyncGenerator<StoredLine, void, undefined>,
    findings: Pick<Findings, 'add'>,
    fromOffset: number,
  ) {
    this.#topic = topic;
    this.#stored = stored;
    this.#findings = findings;
    this.expected = new SeparateLines(fromOffset, (line) => {
      if (!this.#isDecided) this.#pending.push(line);
    });
  }

  async settle(): Promise<void> {
    const due = this.#pending;
    this.#pending = [];
    for (const expected of due) {
      if (this.#isDecided) return;
      const found = await this.#stored.next();
      if (found.done === true) await this.#decide(expected, undefined);
      else if (!expected.equals(found.value.bytes)) await this.#decide(expected, found.value);
    }
  }

  /** No further line is expected. */
  async end(): Promise<void> {
    if (this.#isDecided) return;
    const extra = await this.#stored.next();
    if (extra.done !== true) await this.#decide(undefined, extra.value);
  }

  async #decide(expected: Buffer | undefined, found: StoredLine | undefined): Promise<void> {
    this.#isDecided = true;
    this.#pending = [];
    const [expectedText, foundText] = [textOf(expected), textOf(found?.bytes)];
    this.#findings.add({
      topic: this.#topic,
      problem: `the first difference: ${describeDifference(expectedText, foundText)}`,
      ...(found === undefined ? {} : { offset: found.offset }),
      ...(expectedText === undefined ? {} : { expected: expectedText }),
      ...(foundText === undefined ? {} : { found: foundText }),
    });
    await this.#stored.return();
  }
}

/** A buffer for each line: those of a batch are kept until it is settled. */
class SeparateLines implements ExpectedLines {
  buffer: Buffer = Buffer.alloc(0);
  readonly position = 0;
  readonly fromOffset: number;
  readonly #onLine: (line: Buffer) => void;

  constructor(fromOffset: number, onLine: (line: Buffer) => void) {
    this.fromOffset = fromOffset;
    this.#onLine = onLine;
  }

  reserve(bytes: number): void {
    this.buffer = Buffer.alloc(bytes);
  }

  wrote(end: number): void {
    this.#onLine(this.buffer.subarray(0, end));
  }

  passOver(): void {
    // The digests have noted it.
  }
}

function textOf(line: Buffer | undefined): string | undefined {
  return line?.toString('utf8', 0, line.length - 1);
}

/** What differs, in words. */
export function describeDifference(expected: string | undefined, found: string | undefined): string {
  if (expected === undefined) return 'a line too many';
  if (found === undefined) return 'a line is missing';
  const [one, other] = [membersOf(expected), membersOf(found)];
  if (one === undefined || other === undefined) return 'the line is not a JSON object';
  const names = [...new Set([...one.keys(), ...other.keys()])].filter((name) => one.get(name) !== other.get(name));
  if (names.length === 0) return 'the form of the line';
  const [expectedOffset, foundOffset] = [one, other].map((members) =>
    Number(members.get('source_offset') ?? members.get('from_offset')),
  );
  if (expectedOffset !== foundOffset && names.length > 1)
    return (expectedOffset as number) < (foundOffset as number)
      ? 'a line is missing or comes too late'
      : 'a line is too many or comes too late';
  const isOtherKey = names.includes('object_id') && names.length > 2;
  return isOtherKey ? 'another line comes first' : names.join(', ');
}

/** The members of the line, and of `source` in it, each as its JSON text. */
function membersOf(line: string): Map<string, string> | undefined {
  let value: unknown;
  try {
    value = parseJsonExactly(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || value instanceof NumberText) return undefined;
  const members = Object.entries(value).flatMap(([name, member]: [string, unknown]): [string, unknown][] =>
    name === 'source' && typeof member === 'object' && member !== null ? Object.entries(member) : [[name, member]],
  );
  return new Map(
    members.map(([name, member]) => [name, member instanceof NumberText ? member.text : JSON.stringify(member)]),
  );
}
