// What the outputs must be, computed from the source log alone.
//
// Reads the source once, in order. Bounds: one batch, MESSAGE_BLOCK messages of it as fields, the keys and sums of one
// window, and the tenants.

import type { StoredBatch, TopicReader } from '@pulses/connector-api';
import { aggregatedTopic, deadLetterTopic, encodeTenant, groupedTopic } from '@pulses/shared-pulse-model';
import type { ExpectedLines } from './expected-lines';
import type { Findings } from '../compare/findings';
import { Keys } from './keys';
import { addLine, createGroupedWriter, createSumWriter, deadLetterText, type GroupedWriter } from './line-writer';
import { createMessage, MessageParser, type Message, type Refusal } from './message-parser';
import type { AuditScope } from '../compare/scope';
import type { Stretch } from '../actual/window-lengths';
import { openWindow, WindowSums, type OpenWindow } from './window-sums';

const AHEAD_BYTES = 2 * 1024 * 1024;
/** With more keys the table is cleared between two windows. */
const KEYS_KEPT_MAX = 200_000;
/** Messages that are parsed before the first of them is processed, so that lookups overlap. */
const MESSAGE_BLOCK = 64;

export interface ReplayOptions {
  readonly reader: Pick<TopicReader, 'read'>;
  readonly scope: AuditScope;
  /** First source offset whose window is wholly within the scope. */
  readonly windowsFrom: number;
  /** Source offset behind the last window that is. */
  readonly windowsTo: number;
  /** The windows' lengths, in order of offsets. */
  readonly stretches: readonly Stretch[];
  /** Gets what no line can show. */
  readonly findings: Pick<Findings, 'add'>;
  /** Secret of the key table; has no influence on the result. */
  readonly hashSeed: number;
  /** Where the lines of a topic go; undefined when they are not compared. Called once for each topic. */
  linesOf(topic: string): ExpectedLines | undefined;
  /** Called after each batch; the next one waits for the promise. */
  settle?(counts: ReplayCounts): Promise<void> | undefined;
}

export interface ReplayCounts {
  messages: number;
  pulses: number;
  deadLetters: number;
  windows: number;
  sums: number;
}

interface Tenant {
  readonly aggregatedTopic: string;
  readonly grouped: ExpectedLines | undefined;
  readonly aggregated: ExpectedLines | undefined;
}

export async function replaySource(options: ReplayOptions): Promise<ReplayCounts> {
  const { reader, scope } = options;
  const { source, startOffset: fromOffset, groupedOffset: untilOffset } = scope;
  const replay = new Replay(options);
  const range = { fromOffset, untilOffset, aheadBytes: AHEAD_BYTES };
  for await (const batches of reader.read(source, range)) {
    for (const batch of batches) replay.take(batch);
    const settled = options.settle?.(replay.counts);
    if (settled !== undefined) await settled;
  }
  replay.end();
  await options.settle?.(replay.counts);
  return replay.counts;
}

class Replay {
  readonly counts: ReplayCounts = { messages: 0, pulses: 0, deadLetters: 0, windows: 0, sums: 0 };
  private readonly parser = new MessageParser();
  private readonly messages = Array.from({ length: MESSAGE_BLOCK }, createMessage);
  private readonly tenants: Tenant[] = [];
  private readonly tenantNumbers = new Map<string, number>();
  private readonly keys: Keys;
  private readonly writer: GroupedWriter;
  private readonly deadLetters: ExpectedLines | undefined;
  private readonly sums = new WindowSums();
  private readonly hashes = new Int32Array(MESSAGE_BLOCK);
  private readonly likelyIds = new Int32Array(MESSAGE_BLOCK);
  private window: OpenWindow | undefined;
  /** Of the last message taken. */
  private lastOffset = -1;
  /** Index of the next stretch. */
  private nextStretch = 0;

  constructor(private readonly options: ReplayOptions) {
    const { scope, hashSeed, linesOf } = options;
    this.writer = createGroupedWriter(scope.source);
    this.deadLetters = linesOf(deadLetterTopic(scope.source.topic));
    this.keys = new Keys(hashSeed, (tenant) => this.tenantNumberOf(tenant));
  }

  take({ baseOffset, recordCount, timestampMs, payload, ends }: StoredBatch): void {
    this.parser.open(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength), ends);
    for (let taken = 0; taken < recordCount; taken += MESSAGE_BLOCK)
      this.takeMessages(Math.min(MESSAGE_BLOCK, recordCount - taken), baseOffset + taken, timestampMs);
    this.counts.messages += recordCount;
  }

  end(): void {
    // Open only when the source ends with the last window.
    if (this.window !== undefined) this.closeWindow(this.lastOffset + 1);
  }

  /** Takes the next messages, at most MESSAGE_BLOCK. */
  private takeMessages(count: number, firstOffset: number, timestampMs: number): void {
    const { parser, messages, keys, sums, hashes, likelyIds } = this;
    const timestampS = Math.floor(timestampMs / 1000);
    for (let index = 0; index < count; index += 1) parser.next(messages[index] as Message);
    // Prefetch: with many keys, lookups are bound by memory latency.
    keys.load(messages, count, hashes, likelyIds);
    sums.load(likelyIds, count);
    for (let index = 0; index < count; index += 1) {
      const offset = firstOffset + index;
      if (this.changesWindow(offset, timestampMs)) this.changeWindow(offset, timestampMs);
      this.lastOffset = offset;
      const message = messages[index] as Message;
      if (message.refusal === undefined)
        this.takePulse(message, hashes[index] as number, offset, timestampMs, timestampS);
      else this.takeNoPulse(message.refusal, offset, timestampS);
    }
  }

  private takeNoPulse({ reason, raw }: Refusal, offset: number, timestampS: number): void {
    this.counts.deadLetters += 1;
    const lines = this.deadLetters;
    const { partition } = this.options.scope.source;
    if (lines === undefined) return;
    if (offset < lines.fromOffset) {
      lines.passOver(offset, offset + 1);
      return;
    }
    addLine(
      lines,
      deadLetterText({ sourceOffset: offset, reason, rawBase64: raw.toString('base64'), timestampS, partition }),
    );
  }

  private takePulse(
    { pulse, isPlain }: Message,
    hash: number,
    offset: number,
    timestampMs: number,
    timestampS: number,
  ): void {
    const { keys } = this;
    const entry = keys.entryOf(pulse, hash);
    const tenant = this.tenants[keys.tenantOf(entry)] as Tenant;
    const { grouped, aggregated } = tenant;
    if (grouped === undefined && aggregated === undefined) return;
    this.counts.pulses += 1;
    if (grouped !== undefined)
      if (offset < grouped.fromOffset) grouped.passOver(offset, offset + 1);
      else if (isPlain) this.writer.writePlain(grouped, pulse, timestampS, offset);
      else this.writer.write(grouped, pulse, timestampS, offset);
    if (aggregated === undefined) return;
    if (this.window !== undefined) this.sums.add(keys.idOf(entry), pulse.amount, timestampMs);
    else this.missWindow(offset, tenant.aggregatedTopic, aggregated);
  }

  private missWindow(offset: number, topic: string, lines: ExpectedLines): void {
    const { windowsFrom, windowsTo, findings } = this.options;
    if (offset < windowsFrom || offset >= windowsTo) return;
    if (offset < lines.fromOffset) lines.passOver(offset, offset + 1);
    else findings.add({ topic, problem: `the pulse at source offset ${offset} is in no window` });
  }

  private changesWindow(offset: number, timestampMs: number): boolean {
    const { windowsFrom, windowsTo, stretches } = this.options;
    const coming = stretches[this.nextStretch];
    if (this.window === undefined) return offset >= windowsFrom && offset < windowsTo;
    return (
      timestampMs >= this.window.endMs || offset >= windowsTo || (coming !== undefined && coming.fromOffset <= offset)
    );
  }

  /** Closes the window that ends before this message, and opens the one of this message. */
  private changeWindow(offset: number, timestampMs: number): void {
    const { windowsTo, stretches } = this.options;
    // Offsets may be missing between the window's last message and the next one.
    if (this.window !== undefined) this.closeWindow(this.lastOffset + 1, timestampMs);
    // No window is open, so no sum refers to a key.
    if (this.keys.count > KEYS_KEPT_MAX) this.keys.clear();
    const coming = stretches[this.nextStretch];
    if (coming !== undefined && coming.fromOffset <= offset) this.nextStretch += 1;
    const stretch = stretches[this.nextStretch - 1];
    if (offset < windowsTo && stretch !== undefined) this.window = openWindow(stretch.windowMs, offset, timestampMs);
  }

  /** @param nextTimestampMs of the message after it, which must be beyond the window's end */
  private closeWindow(nextOffset: number, nextTimestampMs = Infinity): void {
    const { scope, findings } = this.options;
    const { keys, sums } = this;
    const window = this.window as OpenWindow;
    this.window = undefined;
    if (sums.count === 0) return;
    const { fromOffset, endMs } = window;
    this.counts.windows += 1;
    if (nextTimestampMs < endMs)
      findings.add({
        topic: scope.source.topic,
        offset: nextOffset,
        problem: `the window that began at source offset ${fromOffset} was closed before its end`,
      });
    const write = createSumWriter(scope.source, { ...window, toOffset: nextOffset - 1 });
    for (let index = 0; index < sums.count; index += 1) {
      const id = sums.idAt(index);
      const entry = keys.entryAt(id);
      const { aggregated } = this.tenants[keys.tenantOf(entry)] as Tenant;
      if (aggregated === undefined) continue;
      if (fromOffset < aggregated.fromOffset) {
        aggregated.passOver(fromOffset, nextOffset);
        continue;
      }
      this.counts.sums += 1;
      write(aggregated, keys.labelBytesOf(entry), sums.sumOf(id));
    }
    sums.clear();
  }

  private tenantNumberOf(name: Buffer): number {
    // latin1 maps each byte to one character, so different bytes give different names.
    const bytes = name.toString('latin1');
    let number = this.tenantNumbers.get(bytes);
    if (number === undefined) {
      const { linesOf } = this.options;
      const encoded = encodeTenant(name);
      const topic = aggregatedTopic(encoded);
      number = this.tenants.length;
      this.tenants.push({
        aggregatedTopic: topic,
        grouped: linesOf(groupedTopic(encoded)),
        aggregated: linesOf(topic),
      });
      this.tenantNumbers.set(bytes, number);
    }
    return number;
  }
}
