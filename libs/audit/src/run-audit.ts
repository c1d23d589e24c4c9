// The audit: what the outputs must be, from the source log, against what they are, byte for byte.
//
//   1. positions and topics: what can be compared on a running system           compare/scope
//   2. side by side, so neither waits for the broker; in two threads when there is much to read:
//      a. what the source alone does not tell: window lengths, lost lines       actual/output-reading, output-topic, output-lines
//         then each partition of the source, once: the lines that each topic    source-audit, expected/source-replay,
//         must hold, digested                                                   message-parser, line-writer
//      b. the other output topics, once: their lines counted and digested       actual/skim, skim-thread, compare/line-digest
//   3. only topics that differ: line by line, up to the first difference        compare/first-difference
//
// The output topics are read once for all partitions of the source: actual/topic-sources tells their lines apart.
//
// Guarantees: shares no code with the pipeline that wrote the outputs, beyond the schemas and exact amounts of the model.
// Ids, windows and the bytes of lines are computed anew.
// Bounds: memory grows with tenants, for each partition that has some of their pulses, and with the keys of one window, not
// with messages. To that come the read-ahead of the source and of the topics that are read at the same time, and twice the
// bound of line-digest.

import type { TopicReader } from '@pulses/connector-api';
import type { Clock, Random } from '@pulses/shared-ports';
import { OutputReader } from './actual/output-reading';
import { skimOver, type Skim } from './actual/skim';
import type { FoundCounts } from './actual/source-outputs';
import type { UncheckedRange } from './compare/coverage';
import type { FindingsSummary } from './compare/findings';
import { outputsToRead } from './compare/named-outputs';
import { readScopes, type AuditedOutput, type AuditScope, type AuditSelection } from './compare/scope';
import type { ReplayCounts } from './expected/source-replay';
import { SourceAudit } from './source-audit';

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

/** What was found of one partition. */
export interface AuditReport {
  readonly scope: AuditScope;
  /** What the source holds. */
  readonly replayed: ReplayCounts;
  /** What the outputs hold. */
  readonly found: FoundCounts;
  readonly findings: FindingsSummary;
  /** What was asked for and could not be compared. */
  readonly unchecked: readonly UncheckedRange[];
  /** Of the whole audit. */
  readonly seconds: number;
}

/**
 * Answers a report for each partition, in the order of the selection.
 * @throws PulsesError TOPIC_UNKNOWN when there is no such source, CONFIG_INVALID when no such group; the connection's
 */
export async function runAudit(options: AuditOptions): Promise<AuditReport[]> {
  const { readers, clock, random, onProgress } = options;
  const reader = readers[0] as TopicReader;
  const startMs = clock.monotonicMs();
  const scopes = await readScopes(reader, options);
  const outputs = new OutputReader(readers, scopes);
  const audits = scopes.map((scope, index) => new SourceAudit(reader, scope, outputs.sources[index]!)); // one for each
  const { outputs: all } = scopes[0]!; // there is one at least
  const [first, others] = [all.filter(tellsMore), all.filter((info) => !tellsMore(info))];
  const of = audits.reduce((sum, { messages }) => sum + messages, messagesOf(others));
  const { skimElsewhere, skimElsewhereMin = SKIMMED_ELSEWHERE_MIN } = options;
  const skim = messagesOf(others) < skimElsewhereMin ? undefined : skimElsewhere;

  let [isReplaying, replayedCount, skimmedCount] = [false, 0, 0];
  const tellProgress = () => {
    if (isReplaying) onProgress({ doing: 'replaying the source', done: replayedCount + skimmedCount, of });
    else onProgress({ doing: 'reading the outputs', done: outputs.readCount, of: messagesOf(first) });
  };
  const replayAll = async () => {
    await outputs.read(first, 'line by line', tellProgress);
    isReplaying = true;
    const hashSeed = Buffer.from(random.bytes(4)).readInt32LE(0);
    const replayed: ReplayCounts[] = [];
    for (const audit of audits) {
      const before = replayedCount;
      const counts = await audit.replay(hashSeed, (messages) => {
        replayedCount = before + messages;
        tellProgress();
      });
      replayed.push(counts);
    }
    return replayed;
  };
  const [replayed, skimmed] = await Promise.all([
    replayAll(),
    (skim ?? skimOver(readers))(scopes, others, (messages) => {
      skimmedCount = messages;
      tellProgress();
    }),
  ]);
  outputs.addReadings(skimmed);

  const tellLast = () => {
    onProgress({ doing: 'looking for the first differences', done: 0, of });
  };
  const unread = [...new Set(audits.flatMap(({ doubtful }) => doubtful))];
  await outputs.read(outputsToRead({ outputs: all }, unread), 'line by line', tellLast);
  for (const audit of audits) await audit.compare(tellLast);
  const seconds = (clock.monotonicMs() - startMs) / 1000;
  return audits.map(({ scope, findings, unchecked, outputs: own }, index) => ({
    scope,
    replayed: replayed[index]!, // one for each
    found: { ...own.counts(), ofOtherSources: outputs.otherLineCount },
    findings,
    unchecked,
    seconds,
  }));
}

/** True for a topic that the replay needs: it states window lengths, or where to begin after a loss. */
function tellsMore({ kind, startOffset }: AuditedOutput): boolean {
  return kind === 'aggregated' || startOffset > 0;
}

function messagesOf(partitions: readonly AuditedOutput[]): number {
  return partitions.reduce((sum, { startOffset, nextOffset }) => sum + nextOffset - startOffset, 0);
}
