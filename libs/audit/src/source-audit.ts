// The audit of one source, or of one partition of a source: what its outputs must be, against what was read of them.
//
// Bounds: see run-audit.

import type { TopicReader } from '@pulses/connector-api';
import { topicKindOf } from '@pulses/shared-pulse-model';
import type { SourceOutputs } from './actual/source-outputs';
import type { TopicReading } from './actual/topic-sources';
import type { OffsetRange } from './expected/expected-lines';
import type { UncheckedRange } from './compare/coverage';
import { findFirstDifferences } from './compare/first-difference';
import { Findings } from './compare/findings';
import { LineDigest, type DigestMemory } from './compare/line-digest';
import type { AuditScope } from './compare/scope';
import { replaySource, type ReplayCounts, type ReplayOptions } from './expected/source-replay';

const EXPLAINED_TOPICS_MAX = 5;

/** The lines that a topic must hold. */
interface ExpectedTopic {
  /** See LineDigest.result. */
  readonly digest: string;
  readonly passedOver: OffsetRange | undefined;
}

type ReplaySettings = Pick<ReplayOptions, 'windowsFrom' | 'windowsTo' | 'stretches' | 'hashSeed'>;

export class SourceAudit {
  readonly scope: AuditScope;
  readonly findings = new Findings();
  readonly outputs: SourceOutputs;
  readonly #reader: TopicReader;
  #replay: ReplaySettings | undefined;
  #expected: ReadonlyMap<string, ExpectedTopic> = new Map();

  constructor(reader: TopicReader, scope: AuditScope, outputs: SourceOutputs) {
    this.#reader = reader;
    this.scope = scope;
    this.outputs = outputs;
    for (const problem of scope.wrongPositions) this.findings.add({ topic: scope.source.topic, problem });
  }

  /** Messages to replay. */
  get messages(): number {
    return this.scope.groupedOffset - this.scope.startOffset;
  }

  /** Topics whose skimmed lines are not what they must be. */
  get doubtful(): string[] {
    return this.#differing().flatMap(({ topic }) => (this.outputs.topics.get(topic)?.isSkimmed === true ? topic : []));
  }

  /** What was asked for and could not be compared. */
  get unchecked(): UncheckedRange[] {
    const passedOver = [...this.#expected].flatMap(([topic, { passedOver: range }]) =>
      range === undefined ? [] : [{ outputs: { topic }, ...range, reason: 'trimmed' as const }],
    );
    return [...this.scope.unchecked, ...this.#cutByRetention(), ...passedOver];
  }

  /**
   * Reads the source once the outputs have told the windows' lengths. Calls `onRead` now and then with the number of
   * messages read so far.
   */
  async replay(hashSeed: number, onRead: (messages: number) => void): Promise<ReplayCounts> {
    const { scope, findings, outputs } = this;
    const stretches = outputs.lengths.stretches((one, other) => {
      const problem = `windows of ${one.windowMs} ms and of ${other.windowMs} ms share source offset ${other.fromOffset}`;
      findings.add({ topic: scope.source.topic, problem });
    });
    const replay = { windowsFrom: outputs.windowsFrom, windowsTo: outputs.windowsTo, stretches, hashSeed };
    const memory: DigestMemory = { bytes: 0 };
    const digests = new Map<string, LineDigest>();
    const counts = await replaySource({
      ...replay,
      reader: this.#reader,
      scope,
      findings,
      linesOf: (topic) => {
        if (!scope.isInScope(topic)) return undefined;
        const digest = new LineDigest(memory, this.#comparedFrom(topic));
        digests.set(topic, digest);
        return digest;
      },
      settle({ messages }) {
        onRead(messages);
        return undefined;
      },
    });
    this.#replay = replay;
    this.#expected = new Map(
      [...digests].map(([topic, lines]) => [topic, { digest: lines.result(), passedOver: lines.passedOver }]),
    );
    return counts;
  }

  /** Adds the findings, and of the first topics that differ the first difference. Calls `onExplain` before that is sought. */
  async compare(onExplain: () => void): Promise<void> {
    const { scope, findings, outputs } = this;
    for (const reading of outputs.topics.values()) findings.addAll(reading.findings);
    const differing = this.#differing();
    const explained = differing.slice(0, EXPLAINED_TOPICS_MAX).map(({ topic }) => topic);
    if (differing.length > 0) onExplain();
    if (explained.length > 0 && this.#replay !== undefined)
      await findFirstDifferences({
        reader: this.#reader,
        scope,
        topics: explained,
        findings,
        replay: this.#replay,
        comparedFrom: (topic) => this.#comparedFrom(topic),
      });
    for (const { topic, ...difference } of differing.slice(EXPLAINED_TOPICS_MAX))
      findings.add({ topic, problem: 'differs', ...difference });
  }

  /** A tenant of which a shared topic holds nothing may have lost all its lines there. */
  #comparedFrom(topic: string): number {
    const reading = this.outputs.topics.get(topic);
    if (reading !== undefined) return reading.comparedFrom;
    const kind = topicKindOf(topic);
    const isTrimmed = this.scope.outputs.some(
      (output) => output.isShared === true && output.kind === kind && output.startOffset > 0,
    );
    return isTrimmed ? Infinity : this.scope.startOffset;
  }

  /** The window that has lost its first messages. One that the asked range cuts was not asked for. */
  #cutByRetention(): UncheckedRange[] {
    const { isTrimmed, startOffset: fromOffset, windowedOffset } = this.scope;
    const toOffset = Math.min(this.outputs.windowsFrom, windowedOffset);
    return isTrimmed && fromOffset < toOffset ? [{ outputs: 'sums', fromOffset, toOffset, reason: 'trimmed' }] : [];
  }

  #differing(): { topic: string; expected: string; found: string }[] {
    const none = new LineDigest({ bytes: 0 }).result();
    const found: ReadonlyMap<string, TopicReading> = this.outputs.topics;
    return [...new Set([...this.#expected.keys(), ...found.keys()])]
      .sort()
      .map((topic) => ({
        topic,
        expected: this.#expected.get(topic)?.digest ?? none,
        found: found.get(topic)?.digest ?? none,
      }))
      .filter((sides) => sides.expected !== sides.found);
  }
}
