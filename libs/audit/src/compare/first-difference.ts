// The first difference of a few topics, once their digests have told that they differ.
//
// The source is replayed again, and each topic's expected lines are held against its own, one by one. Bounds: what one
// batch of the source expects, and one batch of each topic.

import type { TopicInfo } from '@pulses/broker-wire';
import { NumberText, parseJsonExactly } from '@pulses/shared-pulse-model';
import type { BrokerReader } from '@pulses/broker-client';
import type { ExpectedLines } from '../expected/expected-lines';
import type { Findings } from './findings';
import { openOutputTopic } from '../actual/output-topic';
import type { AuditScope } from './scope';
import { replaySource, type ReplayOptions } from '../expected/source-replay';

const LINE_FEED = 10;

export interface DifferenceOptions {
  readonly client: BrokerReader;
  readonly scope: AuditScope;
  readonly topics: readonly string[];
  readonly findings: Pick<Findings, 'add'>;
  /** As it was for the digests. */
  readonly replay: Pick<ReplayOptions, 'windowsFrom' | 'windowsTo' | 'stretches' | 'hashSeed'>;
  /** First source offset whose outputs a topic still keeps. */
  comparedFrom(topic: string): number;
}

/** Everything but the difference itself was told before. */
const UNHEARD: Pick<Findings, 'add'> = { add: () => undefined };

export async function findFirstDifferences(options: DifferenceOptions): Promise<void> {
  const { client, scope, topics, findings, replay, comparedFrom } = options;
  const comparisons = new Map(
    topics.map((topic) => {
      const info = scope.outputs.find((output) => output.topic === topic);
      return [topic, comparisonOf(topic, linesOf(client, scope, info), findings, comparedFrom(topic))];
    }),
  );
  await replaySource({
    ...replay,
    client,
    scope,
    findings: UNHEARD,
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
  client: BrokerReader,
  scope: AuditScope,
  info: TopicInfo | undefined,
): AsyncGenerator<StoredLine, void, undefined> {
  if (info === undefined) return;
  const output = openOutputTopic({ client, scope, info, findings: UNHEARD });
  for await (const batches of output.batches())
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

interface Comparison {
  readonly expected: ExpectedLines;
  settle(): Promise<void>;
  /** No further line is expected. */
  end(): Promise<void>;
}

function comparisonOf(
  topic: string,
  stored: AsyncGenerator<StoredLine, void, undefined>,
  findings: Pick<Findings, 'add'>,
  fromOffset: number,
): Comparison {
  let line: Buffer = Buffer.alloc(0);
  let pending: Buffer[] = [];
  let isDecided = false;

  const decide = async (expected: Buffer | undefined, found: StoredLine | undefined) => {
    isDecided = true;
    pending = [];
    const [expectedText, foundText] = [textOf(expected), textOf(found?.bytes)];
    findings.add({
      topic,
      problem: `the first difference: ${describeDifference(expectedText, foundText)}`,
      ...(found === undefined ? {} : { offset: found.offset }),
      ...(expectedText === undefined ? {} : { expected: expectedText }),
      ...(foundText === undefined ? {} : { found: foundText }),
    });
    await stored.return();
  };

  return {
    expected: {
      fromOffset,
      position: 0,
      get buffer() {
        return line;
      },
      // A buffer for each line: those of a batch are kept until it is settled.
      reserve(bytes) {
        line = Buffer.alloc(bytes);
      },
      wrote(end) {
        if (!isDecided) pending.push(line.subarray(0, end));
      },
    },
    async settle() {
      const due = pending;
      pending = [];
      for (const expected of due) {
        if (isDecided) return;
        const found = await stored.next();
        if (found.done === true) await decide(expected, undefined);
        else if (!expected.equals(found.value.bytes)) await decide(expected, found.value);
      }
    },
    async end() {
      if (isDecided) return;
      const extra = await stored.next();
      if (extra.done !== true) await decide(undefined, extra.value);
    },
  };
}

function textOf(line: Buffer | undefined): string | undefined {
  return line?.toString('utf8', 0, line.length - 1);
}

/** What differs, for people. */
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

/** The members of the line and of `source` in it, each as the JSON text that it stands as. */
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
