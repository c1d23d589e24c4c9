// The audit: what the outputs must be, from the source log, against what they are, byte for byte.
//
//   1. positions and topics: what can be compared on a running system           compare/scope
//   2. side by side, so neither waits for the broker; in two threads when there is much to read:
//      a. what the source alone does not tell: window lengths, lost lines       actual/output-reading, output-topic, output-lines
//         then the source, once: the lines that each topic must hold, digested  expected/source-replay, message-parser, line-writer
//      b. the other output topics, once: their lines counted and digested       actual/skim, skim-thread, compare/line-digest
//   3. only topics that differ: line by line, up to the first difference        compare/first-difference
//
// Guarantees: shares no code with the pipeline that wrote the outputs, beyond the schemas and exact amounts of the model.
// Ids, windows and the bytes of lines are computed anew.
// Bounds: memory grows with tenants and with the keys of one window, not with messages. To that come the read-ahead of the
// source and of the topics that are read at the same time, and twice the bound of line-digest.

import type { TopicReader } from '@pulses/connector-api';
import type { Clock, Random } from '@pulses/shared-ports';
import type { UncheckedRange } from './compare/coverage';
import { findFirstDifferences } from './compare/first-difference';
import { Findings, type FindingsSummary } from './compare/findings';
import { LineDigest, type DigestMemory } from './compare/line-digest';
import { OutputReader, type FoundCounts, type TopicReading } from './actual/output-reading';
import { outputsToRead } from './compare/named-outputs';
import { readScope, type AuditedOutput, type AuditScope, type AuditSelection } from './compare/scope';
import { skimOver, type Skim } from './actual/skim';
import { replaySource, type ReplayCounts } from './expected/source-replay';

const EXPLAINED_TOPICS_MAX = 5;
/** With fewer messages, starting a thread takes as long as it saves. */
const SKIMMED_ELSEWHERE_MIN = 500_000;

export interface AuditOptions extends AuditSelection {
  /** At least one; the output topics are read over all of them. */
  readonly readers: readonly TopicReader[];
  /** Reads topics beside the replay when they hold many messages. Without it, `readers` are used. */
  readonly skimElsewhere?: Skim | undefined;
  /** From this number of messages on `skimElsewhere` is used. */
  readonly skimElsewhereMin?: number;
  readonly clock: Clock;
  readonly random: Random;
  /** Called often: it has to be quick. */
  onProgress(progress: AuditProgress): void;
}

export interface AuditProgress {
  readonly doing: 'reading the outputs' | 'replaying the source' | 'looking for the first differences';
  /** Messages read. */
  readonly done: number;
  /** Messages to read. */
  readonly of: number;
}

export interface AuditReport {
  readonly scope: AuditScope;
  /** What the source holds. */
  readonly replayed: ReplayCounts;
  /** What the outputs hold. */
  readonly found: FoundCounts;
  readonly findings: FindingsSummary;
  /** What was asked for and could not be compared. */
  readonly unchecked: readonly UncheckedRange[];
  readonly seconds: number;
}

/** @throws PulsesError TOPIC_UNKNOWN when there is no such source, CONFIG_INVALID when no such group; the connection's */
export async function runAudit(options: AuditOptions): Promise<AuditReport> {
  const { readers, clock, random, onProgress } = options;
  const reader = readers[0] as TopicReader;
  const startMs = clock.monotonicMs();
  const findings = new Findings();
  const scope = await readScope(reader, options);
  const { topic: sourceTopic } = scope.source;
  for (const problem of scope.wrongPositions) findings.add({ topic: sourceTopic, problem });

  const outputs = new OutputReader(readers, scope);
  const [first, others] = [scope.outputs.filter(tellsMore), scope.outputs.filter((info) => !tellsMore(info))];
  const of = scope.groupedOffset - scope.startOffset + messagesOf(others);
  const { skimElsewhere, skimElsewhereMin = SKIMMED_ELSEWHERE_MIN } = options;
  const skim = messagesOf(others) < skimElsewhereMin ? undefined : skimElsewhere;
  let [isReplaying, replayedCount, skimmedCount] = [false, 0, 0];
  const tellProgress = () => {
    if (isReplaying) onProgress({ doing: 'replaying the source', done: replayedCount + skimmedCount, of });
    else onProgress({ doing: 'reading the outputs', done: outputs.readCount, of: messagesOf(first) });
  };

  const expected = new Map<string, LineDigest>();
  const memory: DigestMemory = { bytes: 0 };
  const comparedFrom = (topic: string) => outputs.topics.get(topic)?.comparedFrom ?? scope.startOffset;
  const replayAll = async () => {
    await outputs.read(first, 'line by line', tellProgress);
    isReplaying = true;
    const stretches = outputs.lengths.stretches((one, other) => {
      const problem = `windows of ${one.windowMs} ms and of ${other.windowMs} ms share source offset ${other.fromOffset}`;
      findings.add({ topic: sourceTopic, problem });
    });
    const { windowsFrom, windowsTo } = outputs;
    const replay = { windowsFrom, windowsTo, stretches, hashSeed: Buffer.from(random.bytes(4)).readInt32LE(0) };
    const replayed = await replaySource({
      ...replay,
      reader,
      scope,
      findings,
      linesOf(topic) {
        if (!scope.isInScope(topic)) return undefined;
        const digest = new LineDigest(memory, comparedFrom(topic));
        expected.set(topic, digest);
        return digest;
      },
      settle({ messages }) {
        replayedCount = messages;
        tellProgress();
        return undefined;
      },
    });
    return { replay, replayed };
  };
  const [{ replay, replayed }, skimmed] = await Promise.all([
    replayAll(),
    (skim ?? skimOver(readers))(scope, others, (messages) => {
      skimmedCount = messages;
      tellProgress();
    }),
  ]);
  outputs.addReadings(skimmed);

  const unchecked = [...scope.unchecked, ...cutByRetention(scope, replay.windowsFrom), ...passedOver(expected)];
  const mustHold = new Map([...expected].map(([topic, digest]) => [topic, digest.result()]));
  const doubtful = differingTopics(mustHold, outputs.topics).flatMap(({ topic }) => outputs.topics.get(topic) ?? []);
  const tellLast = () => {
    onProgress({ doing: 'looking for the first differences', done: 0, of });
  };
  const unread = doubtful.filter(({ isSkimmed }) => isSkimmed).map(({ topic }) => topic);
  await outputs.read(outputsToRead(scope, unread), 'line by line', tellLast);
  for (const reading of outputs.topics.values()) findings.addAll(reading.findings);
  const differing = differingTopics(mustHold, outputs.topics);
  if (differing.length > 0) tellLast();
  const explained = differing.slice(0, EXPLAINED_TOPICS_MAX).map(({ topic }) => topic);
  if (explained.length > 0)
    await findFirstDifferences({ reader, scope, topics: explained, findings, replay, comparedFrom });
  for (const { topic, ...difference } of differing.slice(EXPLAINED_TOPICS_MAX))
    findings.add({ topic, problem: 'differs', ...difference });
  const seconds = (clock.monotonicMs() - startMs) / 1000;
  return { scope, replayed, found: outputs.counts(), findings, unchecked, seconds };
}

/** The window that has lost its first messages. One that the asked range cuts was not asked for. */
function cutByRetention(scope: AuditScope, windowsFrom: number): UncheckedRange[] {
  const { isTrimmed, startOffset: fromOffset, windowedOffset } = scope;
  const toOffset = Math.min(windowsFrom, windowedOffset);
  return isTrimmed && fromOffset < toOffset ? [{ outputs: 'sums', fromOffset, toOffset, reason: 'trimmed' }] : [];
}

/** Topics that have lost lines which the source led to. */
function passedOver(expected: ReadonlyMap<string, LineDigest>): UncheckedRange[] {
  return [...expected].flatMap(([topic, { passedOver: range }]) =>
    range === undefined ? [] : [{ outputs: { topic }, ...range, reason: 'trimmed' as const }],
  );
}

/** True for a topic that the replay needs: it states window lengths, or where to begin after a loss. */
function tellsMore({ kind, startOffset }: AuditedOutput): boolean {
  return kind === 'aggregated' || startOffset > 0;
}

function messagesOf(partitions: readonly AuditedOutput[]): number {
  return partitions.reduce((sum, { startOffset, nextOffset }) => sum + nextOffset - startOffset, 0);
}

function differingTopics(
  expected: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, TopicReading>,
): { topic: string; expected: string; found: string }[] {
  const none = new LineDigest({ bytes: 0 }).result();
  return [...new Set([...expected.keys(), ...found.keys()])]
    .sort()
    .map((topic) => ({ topic, expected: expected.get(topic) ?? none, found: found.get(topic)?.digest ?? none }))
    .filter((sides) => sides.expected !== sides.found);
}
