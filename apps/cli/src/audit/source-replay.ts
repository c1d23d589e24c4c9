// What the outputs must be, worked out from the source log alone.
//
// Reads the source once, in order. Bounds: one batch, the sums of one window, and two topic names for each tenant.

import type { RecordBatch } from '@pulses/broker-wire';
import { aggregatedTopic, deadLetterTopic, encodeTenant, groupedTopic } from '@pulses/shared-pulse-model';
import type { BrokerReader } from '../broker-access';
import { readBatches } from '../topic-records';
import { deadLetterEntry, groupedEntry } from './entries';
import type { Findings } from './findings';
import type { AuditScope } from './scope';
import { readSourceMessage } from './source-message';
import type { Stretch } from './window-lengths';
import { WindowSums } from './window-sums';

const CREDIT_BYTES = 8 * 1024 * 1024;
const LINE_FEED = 10;

export interface ReplayOptions {
  readonly client: BrokerReader;
  readonly scope: AuditScope;
  /** First source offset whose window is wholly kept. */
  readonly windowsFrom: number;
  /** How long the windows are, in order of offsets. */
  readonly stretches: readonly Stretch[];
  /** Told of what no entry can show. */
  readonly findings: Pick<Findings, 'add'>;
  /** First source offset whose outputs a topic still keeps. */
  comparedFrom(topic: string): number;
  /** An entry that the topic must have next. */
  expect(topic: string, entry: string): void;
  /** After each batch; the next one waits for it. */
  settle?(): Promise<void>;
}

export interface ReplayCounts {
  messages: number;
  pulses: number;
  deadLetters: number;
  windows: number;
  sums: number;
}

interface TenantTopics {
  readonly grouped: string;
  readonly aggregated: string;
}

export async function replaySource(options: ReplayOptions): Promise<ReplayCounts> {
  const { client, scope } = options;
  const { source, startOffset: fromOffset, groupedOffset: untilOffset } = scope;
  const replay = new Replay(options);
  const range = { ...source, fromOffset, untilOffset, creditBytes: CREDIT_BYTES };
  for await (const batch of readBatches(client, range)) {
    replay.take(batch);
    await options.settle?.();
  }
  replay.end();
  await options.settle?.();
  return replay.counts;
}

class Replay {
  readonly counts: ReplayCounts = { messages: 0, pulses: 0, deadLetters: 0, windows: 0, sums: 0 };
  private readonly topics = new Map<string, TenantTopics>();
  private readonly deadLetterTopic: string;
  private window: WindowSums | undefined;
  /** Index of the next stretch to come. */
  private nextStretch = 0;

  constructor(private readonly options: ReplayOptions) {
    this.deadLetterTopic = deadLetterTopic(options.scope.source.topic);
  }

  take({ baseOffset, recordCount, timestampMs, payload }: RecordBatch): void {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    let start = 0;
    for (let offset = baseOffset; offset < baseOffset + recordCount; offset += 1) {
      const end = bytes.indexOf(LINE_FEED, start);
      this.enterWindow(offset, timestampMs);
      this.takeMessage(bytes.subarray(start, end), offset, timestampMs);
      start = end + 1;
    }
    this.counts.messages += recordCount;
  }

  end(): void {
    // When the source goes on beyond what is compared, `enterWindow` has closed the last window already.
    if (this.window !== undefined) this.closeWindow(this.options.scope.windowedOffset);
  }

  private takeMessage(message: Buffer, offset: number, timestampMs: number): void {
    const timestampS = Math.floor(timestampMs / 1000);
    const reading = readSourceMessage(message);
    if (typeof reading === 'string') {
      this.counts.deadLetters += 1;
      const facts = { sourceOffset: offset, reason: reading, rawBase64: message.toString('base64'), timestampS };
      this.expect(this.deadLetterTopic, offset, deadLetterEntry(facts));
      return;
    }
    this.counts.pulses += 1;
    const topics = this.topicsOf(reading.tenantId);
    this.expect(topics.grouped, offset, groupedEntry({ ...reading, sourceOffset: offset, timestampS }));
    const { windowsFrom, scope, findings, comparedFrom } = this.options;
    if (this.window !== undefined) this.window.add(reading, topics.aggregated, timestampMs);
    else if (offset >= windowsFrom && offset < scope.windowedOffset && offset >= comparedFrom(topics.aggregated))
      findings.add({ topic: topics.aggregated, problem: `the pulse at source offset ${offset} is in no window` });
  }

  /** Closes the window that is over at this message, and opens the one of this message. */
  private enterWindow(offset: number, timestampMs: number): void {
    const { windowsFrom, scope, stretches } = this.options;
    if (offset < windowsFrom) return;
    const coming = stretches[this.nextStretch];
    const hasNewLength = coming !== undefined && coming.fromOffset <= offset;
    const isClosed = offset >= scope.windowedOffset;
    if (this.window !== undefined && (timestampMs >= this.window.endMs || hasNewLength || isClosed))
      this.closeWindow(offset, timestampMs);
    if (hasNewLength) this.nextStretch += 1;
    const stretch = stretches[this.nextStretch - 1];
    if (!isClosed && this.window === undefined && stretch !== undefined)
      this.window = new WindowSums(stretch.windowMs, offset, timestampMs);
  }

  /** @param nextTimestampMs of the message behind it, which must be beyond the window's end */
  private closeWindow(nextOffset: number, nextTimestampMs = Infinity): void {
    const { scope, findings, comparedFrom } = this.options;
    const window = this.window as WindowSums;
    this.window = undefined;
    if (!window.hasPulses) return;
    this.counts.windows += 1;
    if (nextTimestampMs < window.endMs)
      findings.add({
        topic: scope.source.topic,
        offset: nextOffset,
        problem: `the window that began at source offset ${window.fromOffset} was closed before its end`,
      });
    for (const [topic, entries] of window.close(nextOffset - 1)) {
      if (window.fromOffset < comparedFrom(topic)) continue;
      this.counts.sums += entries.length;
      for (const entry of entries) this.options.expect(topic, entry);
    }
  }

  private expect(topic: string, sourceOffset: number, entry: string): void {
    if (sourceOffset >= this.options.comparedFrom(topic)) this.options.expect(topic, entry);
  }

  private topicsOf(tenantId: string): TenantTopics {
    let topics = this.topics.get(tenantId);
    if (topics === undefined) {
      const tenant = encodeTenant(Buffer.from(tenantId));
      topics = { grouped: groupedTopic(tenant), aggregated: aggregatedTopic(tenant) };
      this.topics.set(tenantId, topics);
    }
    return topics;
  }
}
