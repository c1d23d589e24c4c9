// The audit: what the outputs must be, from the source log, against what they are.
//
//   1. positions and topics: what can be compared on a running system        scope
//   2. every output topic, once: its lines checked, counted, fingerprinted   output-topic, fingerprints
//   3. the source, once: what each topic must hold, fingerprinted            source-replay
//   4. only for topics that differ: the first difference                     first-difference
//
// Guarantees: shares no code with the pipeline that wrote the outputs, beyond the schemas, exact amounts and ids of the
// model. Memory grows with tenants and with the keys of one window, not with messages.

import type { Clock } from '@pulses/shared-ports';
import { atOnce } from '../at-once';
import type { BrokerReader } from '../broker-access';
import { findFirstDifferences } from './first-difference';
import { createFindings, type Findings } from './findings';
import { createFingerprints, type Fingerprints } from './fingerprints';
import { openOutputTopic } from './output-topic';
import { readScope, type AuditScope } from './scope';
import { replaySource, type ReplayCounts } from './source-replay';
import { createWindowLengths, type WindowLengths } from './window-lengths';

const TOPICS_AT_ONCE = 8;
const FINDINGS_KEPT_MAX = 20;
const EXPLAINED_TOPICS_MAX = 5;

export interface AuditOptions {
  readonly client: BrokerReader;
  readonly sourceTopic: string;
  readonly group: string;
  readonly clock: Clock;
  /** What is being done, for a person who waits. */
  onProgress(text: string): void;
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
  const { client, sourceTopic, group, clock, onProgress } = options;
  const startMs = clock.monotonicMs();
  const findings = createFindings(FINDINGS_KEPT_MAX);
  const scope = await readScope(client, sourceTopic, group);
  if (scope.windowedOffset > scope.groupedOffset)
    findings.add({ topic: sourceTopic, problem: 'the position windowed is beyond the position grouped' });

  const outputs = await readOutputs(options, scope, findings);
  const stretches = outputs.lengths.stretches((one, other) => {
    const problem = `windows of ${one.windowMs} ms and of ${other.windowMs} ms share source offset ${other.fromOffset}`;
    findings.add({ topic: sourceTopic, problem });
  });
  const replay = {
    windowsFrom: outputs.windowsFrom,
    stretches,
    comparedFrom: (topic: string) => outputs.comparedFrom.get(topic) ?? scope.startOffset,
  };

  const expected = createFingerprints();
  const size = scope.groupedOffset - scope.startOffset;
  let expectedEntries = 0;
  const replayed = await replaySource({
    ...replay,
    client,
    scope,
    findings,
    expect: (topic, entry) => {
      expectedEntries += 1;
      expected.add(topic, entry);
    },
    settle: () => {
      onProgress(`replaying ${size} source messages: ${expectedEntries} output lines expected so far`);
      return Promise.resolve();
    },
  });

  const differing = differingTopics(expected, outputs.fingerprints);
  await findFirstDifferences({ client, scope, topics: differing.slice(0, EXPLAINED_TOPICS_MAX), findings, replay });
  for (const topic of differing.slice(EXPLAINED_TOPICS_MAX))
    findings.add({
      topic,
      problem: 'differs',
      expected: `${expected.of(topic).count} lines`,
      found: `${outputs.fingerprints.of(topic).count} lines`,
    });
  return { scope, replayed, found: outputs.counts, findings, seconds: (clock.monotonicMs() - startMs) / 1000 };
}

interface Outputs {
  readonly fingerprints: Fingerprints;
  readonly lengths: WindowLengths;
  /** By topic: first source offset whose outputs it still keeps. */
  readonly comparedFrom: ReadonlyMap<string, number>;
  /** First source offset whose window is wholly kept in the source. */
  readonly windowsFrom: number;
  readonly counts: FoundCounts;
}

async function readOutputs(
  { client, onProgress }: AuditOptions,
  scope: AuditScope,
  findings: Findings,
): Promise<Outputs> {
  const fingerprints = createFingerprints();
  const lengths = createWindowLengths();
  const comparedFrom = new Map<string, number>();
  const counts: FoundCounts = { grouped: 0, deadLetters: 0, sums: 0, ofOtherSources: 0 };
  let windowsFrom = scope.startOffset;
  let topicsRead = 0;
  await atOnce(scope.outputs, TOPICS_AT_ONCE, async (info) => {
    const output = openOutputTopic({
      client,
      scope,
      info,
      findings,
      onWindow: lengths.add,
      onCutWindow: ({ toOffset }) => {
        windowsFrom = Math.max(windowsFrom, toOffset + 1);
      },
    });
    for await (const entries of output.entries()) for (const entry of entries) fingerprints.add(info.topic, entry);
    comparedFrom.set(info.topic, output.comparedFrom);
    counts[countOf(info.topic)] += output.entryCount;
    counts.ofOtherSources += output.otherLineCount;
    topicsRead += 1;
    onProgress(`reading outputs: ${topicsRead} of ${scope.outputs.length} topics`);
  });
  return { fingerprints, lengths, comparedFrom, windowsFrom, counts };
}

function countOf(topic: string): 'grouped' | 'sums' | 'deadLetters' {
  if (!topic.startsWith('tenants.')) return 'deadLetters';
  return topic.endsWith('.grouped.pulses') ? 'grouped' : 'sums';
}

function differingTopics(expected: Fingerprints, found: Fingerprints): string[] {
  const topics = new Set([...expected.topics(), ...found.topics()]);
  return [...topics].sort().filter((topic) => {
    const [one, other] = [expected.of(topic), found.of(topic)];
    return one.count !== other.count || one.digest !== other.digest;
  });
}
