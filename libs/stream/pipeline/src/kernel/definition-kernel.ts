// The definition of what a kernel does, one message after the other, by the reader of the pulse model.
//
// Guarantees: nothing is allocated for a pulse whose key is known.

import type { SourceRecords } from '@pulses/connector-api';
import { createGroupedIds, createPulseReader, deadLetterLine, type GroupedIds } from '@pulses/shared-pulse-model';
import { createLineMemory, groupLines, LineStage, type GroupLines, type LineMemory } from '../commits/line-stage';
import { OutputBatch } from '../commits/output-batch';
import type { ResumePoint } from '../stored-positions';
import { entriesMaxOf } from '../windows/key-space';
import type { OpenWindow } from '../windows/open-window';
import { createDeltaMemory, DeltaAccumulator, type DeltaMemory } from './delta-accumulator';
import type { IngestKernel, IngestKernelOptions } from './ingest-kernel';

/** Where a kernel's state lies. */
export interface IngestMemory {
  readonly lines: LineMemory;
  readonly rows: DeltaMemory;
  readonly bindings: Int32Array;
}

export class DefinitionKernel implements IngestKernel {
  readonly name = 'javascript';
  readonly batch: OutputBatch;
  readonly delta: DeltaAccumulator;
  readonly bindings: Int32Array;
  readonly #reader = createPulseReader();
  readonly #ids: GroupedIds;
  readonly #partition: number | undefined;
  readonly #resume: ResumePoint;
  #nextOffset: number;

  constructor({ source, resume, limits }: IngestKernelOptions, memory: IngestMemory, group: GroupLines) {
    this.batch = new OutputBatch(new LineStage(memory.lines, group), limits.commitBytes);
    this.delta = new DeltaAccumulator(memory.rows);
    this.bindings = memory.bindings;
    this.#ids = createGroupedIds(source);
    this.#partition = source.partition;
    this.#resume = resume;
    this.#nextOffset = resume.readFrom;
  }

  get nextOffset(): number {
    return this.#nextOffset;
  }

  startWindow(window: OpenWindow, fromOffset: number): void {
    this.delta.startWindow(window.startMs, window.keys, fromOffset);
  }

  take(records: SourceRecords, index: number, window: OpenWindow): number {
    return this.takeUpTo(records, index, records.recordCount, window);
  }

  /** As `take`, but no message from `indexEnd` on. */
  takeUpTo(records: SourceRecords, index: number, indexEnd: number, window: OpenWindow): number {
    const { batch, delta } = this;
    const reader = this.#reader;
    const ids = this.#ids;
    const { groupedOffset, summedOffset } = this.#resume;
    const { keys } = window;
    const { bytes, ends, gap, baseOffset, timestampMs } = records;
    const timestampS = Math.floor(timestampMs / 1000);
    let start = index === 0 ? records.start : (ends[index - 1] as number) + gap;
    let at = index;
    for (; at < indexEnd && !delta.isFull; at += 1) {
      const end = ends[at] as number;
      const offset = baseOffset + at;
      if (reader.read(bytes, start, end)) {
        const key = window.keyOf(reader);
        if (offset >= groupedOffset) {
          if (!batch.hasRoomFor(keys.lengthOf(key))) break;
          batch.addGrouped(ids, offset, keys, key, reader.amount, timestampS);
        }
        if (offset >= summedOffset) delta.add(key, reader.amount, timestampMs);
      } else if (offset >= groupedOffset) {
        if (batch.isFull) break;
        const raw = bytes.subarray(start, end);
        const letter = deadLetterLine(offset, reader.reason, reader.detail, raw, timestampMs, this.#partition);
        batch.addDeadLetter(letter, reader.reason);
      }
      start = end + gap;
    }
    this.advanceTo(baseOffset + at, window);
    return at;
  }

  close(): void {
    this.delta.clear();
    this.batch.lines.clear();
  }

  /** Notes that everything below `nextOffset` is taken. */
  advanceTo(nextOffset: number, window: OpenWindow): void {
    this.#nextOffset = nextOffset;
    window.nextOffset = nextOffset;
    this.delta.nextOffset = nextOffset;
  }
}

/** The definition over memory of its own. */
export function createDefinitionKernel(options: IngestKernelOptions): IngestKernel {
  const { commitBytes, deltaRowsMax, openKeysMax } = options.limits;
  const memory: IngestMemory = {
    lines: createLineMemory(commitBytes),
    rows: createDeltaMemory(deltaRowsMax, openKeysMax),
    bindings: new Int32Array(entriesMaxOf(openKeysMax)),
  };
  return new DefinitionKernel(options, memory, groupLines);
}
