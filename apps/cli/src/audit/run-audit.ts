// The audit: what the outputs must be, from the source log, against what they are, byte for byte.
//
//   1. positions and topics: what can be compared on a running system           scope
//   2. every output topic, once: its lines told apart, counted, digested        output-topic, quick-lines, line-digest
//   3. the source, once: the lines that each topic must hold, digested          source-replay, common-pulse, line-writer
//   4. only for topics that differ: the first difference                        first-difference
//
// Guarantees: shares no code with the pipeline that wrote the outputs, beyond the schemas and exact amounts of the model;
// ids, windows and the bytes of lines are worked out anew. Memory grows with tenants and with the keys of one window, not
// with messages.

import type { Clock, Random } from '@pulses/shared-ports';
import { atOnce } from '../at-once';
import type { BrokerReader } from '../broker-access';
import { findFirstDifferences } from './first-difference';
import { createFindings, type Findings } from './findings';
import { LineDigest, type DigestMemory } from './line-digest';
import { openOutputTopic } from './output-topic';
import { readScope, type AuditScope, type AuditSelection } from './scope';
import { replaySource, type ReplayCounts } from './source-replay';
import { createWindowLengths, type WindowLengths } from './window-lengths';

const TOPICS_AT_ONCE_A_CLIENT = 4;
const FINDINGS_KEPT_MAX = 20;
const EXPLAINED_TOPICS_MAX = 5;

export interface AuditOptions extends AuditSelection {
  /** At least one; the output topics are read over all of them. */
  readonly clients: readonly BrokerReader[];
  readonly clock: Clock;
  readonly random: Random;
  /** What is being done, for a person who waits. */
  onProgress(progress: AuditProgress): void;
}

export interface AuditProgress {
  readonly doing: 'reading the outputs' | 'replaying the source' | 'looking for the first differences';
  /** Messages read of so many. */
  readonly done: number;
  readonly of: number;
}

export interface AuditReport {
  readonly scope: AuditScope;
  /** What the source holds. */
  readonly replayed: ReplayCounts;
  /** What the outputs hold. */
  readonly found: FoundCounts;
  readonly findings: Findings;
  readonly seconds: number;
}

export interface FoundCounts {
  grouped: number;
  deadLetters: number;
  sums: number;
  /** Lines of other sources in the same topics. */
  ofOtherSources: number;
}

/** @throws PulsesError TOPIC_UNKNOWN when there is no such source, and the connection's */
export async function runAudit(options: AuditOptions): Promise<AuditReport> {
  const { clients, clock, random, onProgress } = options;
  const client = clients[0] as BrokerReader;
  const startMs = clock.monotonicMs();
  const findings = createFindings(FINDINGS_KEPT_MAX);
  const scope = await readScope(client, options);
  const { topic: sourceTopic } = scope.source;
  if (scope.windowedOffset > scope.groupedOffset)
    findings.add({ topic: sourceTopic, problem: 'the position windowed is beyond the position grouped' });

  const outputs = await readOutputs(options, scope, findings);
  const stretches = outputs.lengths.stretches((one, other) => {
    const problem = `windows of ${one.windowMs} ms and of ${other.windowMs} ms share source offset ${other.fromOffset}`;
    findings.add({ topic: sourceTopic, problem });
  });
  const { windowsFrom, windowsTo } = outputs;
  const replay = { windowsFrom, windowsTo, stretches, hashSeed: Buffer.from(random.bytes(4)).readInt32LE(0) };
  const comparedFrom = (topic: string) => outputs.comparedFrom.get(topic) ?? scope.startOffset;

  const expected = new Map<string, LineDigest>();
  const memory: DigestMemory = { bytes: 0 };
  const of = scope.groupedOffset - scope.startOffset;
  const replayed = await replaySource({
    ...replay,
    client,
    scope,
    findings,
    linesOf(topic) {
      if (!scope.isLookedAt(topic)) return undefined;
      const digest = new LineDigest(memory, comparedFrom(topic));
      expected.set(topic, digest);
      return digest;
    },
    settle({ messages }) {
      onProgress({ doing: 'replaying the source', done: messages, of });
      return undefined;
    },
  });

  const differing = differingTopics(expected, outputs.digests);
  if (differing.length > 0) onProgress({ doing: 'looking for the first differences', done: 0, of });
  const explained = differing.slice(0, EXPLAINED_TOPICS_MAX).map(({ topic }) => topic);
  if (explained.length > 0) await findFirstDifferences({ client, scope, topics: explained, findings, replay, comparedFrom });
  for (const { topic, ...difference } of differing.slice(EXPLAINED_TOPICS_MAX))
    findings.add({ topic, problem: 'differs', ...difference });
  return { scope, replayed, found: outputs.counts, findings, seconds: (clock.monotonicMs() - startMs) / 1000 };
}

interface Outputs {
  /** What each topic holds; see LineDigest.result. */
  readonly digests: ReadonlyMap<string, string>;
  readonly lengths: WindowLengths;
  /** By topic: first source offset whose outputs it still keeps. */
  readonly comparedFrom: ReadonlyMap<string, number>;
  /** The source offsets of windows that lie wholly within the scope. */
  readonly windowsFrom: number;
  readonly windowsTo: number;
  readonly counts: FoundCounts;
}

async function readOutputs({ clients, onProgress }: AuditOptions, scope: AuditScope, findings: Findings): Promise<Outputs> {
  const digests = new Map<string, string>();
  const memory: DigestMemory = { bytes: 0 };
  const lengths = createWindowLengths();
  const comparedFrom = new Map<string, number>();
  const counts: FoundCounts = { grouped: 0, deadLetters: 0, sums: 0, ofOtherSources: 0 };
  let [windowsFrom, windowsTo] = [scope.startOffset, scope.windowedOffset];
  let done = 0;
  const of = scope.outputs.reduce((sum, { startOffset, nextOffset }) => sum + nextOffset - startOffset, 0);
  const idle = Array.from({ length: TOPICS_AT_ONCE_A_CLIENT }, () => clients).flat();
  await atOnce(scope.outputs, idle.length, async (info) => {
    const client = idle.pop() as BrokerReader;
    const output = openOutputTopic({
      client,
      scope,
      info,
      findings,
      onWindow: lengths.add,
      onCutWindow: ({ fromOffset, toOffset }) => {
        if (fromOffset < scope.startOffset) windowsFrom = Math.max(windowsFrom, toOffset + 1);
        else windowsTo = Math.min(windowsTo, fromOffset);
      },
    });
    const digest = new LineDigest(memory);
    for await (const batches of output.batches()) {
      for (const batch of batches)
        output.takeBatch(batch, (bytes, start, end, count) => {
          digest.take(bytes, start, end, count);
        });
      onProgress({ doing: 'reading the outputs', done: done + output.comparedCount, of });
    }
    digests.set(info.topic, digest.result());
    comparedFrom.set(info.topic, output.comparedFrom);
    counts[countOf(info.topic)] += output.comparedCount;
    counts.ofOtherSources += output.otherLineCount;
    done += info.nextOffset - info.startOffset;
    idle.push(client);
  });
  return { digests, lengths, comparedFrom, windowsFrom, windowsTo, counts };
}

function countOf(topic: string): 'grouped' | 'sums' | 'deadLetters' {
  if (!topic.startsWith('tenants.')) return 'deadLetters';
  return topic.endsWith('.grouped.pulses') ? 'grouped' : 'sums';
}

function differingTopics(
  expected: ReadonlyMap<string, LineDigest>,
  found: ReadonlyMap<string, string>,
): { topic: string; expected: string; found: string }[] {
  const none = new LineDigest({ bytes: 0 }).result();
  return [...new Set([...expected.keys(), ...found.keys()])]
    .sort()
    .map((topic) => ({ topic, expected: expected.get(topic)?.result() ?? none, found: found.get(topic) ?? none }))
    .filter((sides) => sides.expected !== sides.found);
}
