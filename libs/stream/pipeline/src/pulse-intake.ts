// The hot loop: source messages into grouped lines, dead letters and the engine's delta.
//
// Guarantees: messages are taken in offset order, each once. Nothing is allocated for a pulse, and nothing is awaited.

import type { SourceIdentity, SourceRecords } from '@pulses/connector-api';
import { createGroupedIds, createPulseReader, deadLetterLine } from '@pulses/shared-pulse-model';
import { DeltaAccumulator } from './delta-accumulator';
import type { OpenWindow } from './windows/open-window';
import type { OutputBatch } from './commits/output-batch';
import type { ResumePoint } from './stored-positions';

export class PulseIntake {
  /** Sums that the engine has not taken yet. */
  readonly delta: DeltaAccumulator;
  readonly #reader = createPulseReader();
  readonly #ids: ReturnType<typeof createGroupedIds>;
  readonly #groupedOffset: number;
  readonly #summedOffset: number;
  #nextOffset: number;

  constructor(source: SourceIdentity, resume: ResumePoint, deltaRowsMax: number) {
    this.#ids = createGroupedIds(source);
    this.#groupedOffset = resume.groupedOffset;
    this.#summedOffset = resume.summedOffset;
    this.#nextOffset = resume.readFrom;
    this.delta = new DeltaAccumulator(deltaRowsMax);
  }

  /** Offset behind the last message taken. */
  get nextOffset(): number {
    return this.#nextOffset;
  }

  /** Takes messages from `index` on until all are taken, or the batch or the delta is full; answers the next index. */
  take(records: SourceRecords, index: number, window: OpenWindow, batch: OutputBatch): number {
    const { delta } = this;
    const reader = this.#reader;
    const ids = this.#ids;
    const groupedOffset = this.#groupedOffset;
    const summedOffset = this.#summedOffset;
    const { keyFields } = window;
    const { bytes, ends, gap, recordCount, baseOffset, timestampMs } = records;
    const timestampS = Math.floor(timestampMs / 1000);
    let start = index === 0 ? records.start : (ends[index - 1] as number) + gap;
    let at = index;
    for (; at < recordCount && !delta.isFull; at += 1) {
      const end = ends[at] as number;
      const offset = baseOffset + at;
      if (reader.read(bytes, start, end)) {
        const key = window.keyOf(reader);
        if (offset >= groupedOffset) {
          if (!batch.hasRoomFor(keyFields.lengthOf(key))) break;
          batch.addGrouped(window.tenantOfKey[key] as number, ids, offset, keyFields, key, reader.amount, timestampS);
        }
        if (offset >= summedOffset) delta.add(key, reader.amount, timestampMs);
      } else if (offset >= groupedOffset) {
        if (batch.isFull) break;
        const raw = bytes.subarray(start, end);
        batch.addDeadLetter(deadLetterLine(offset, reader.reason, reader.detail, raw, timestampMs), reader.reason);
      }
      start = end + gap;
    }
    this.#nextOffset = baseOffset + at;
    window.nextOffset = this.#nextOffset;
    delta.nextOffset = this.#nextOffset;
    return at;
  }
}
