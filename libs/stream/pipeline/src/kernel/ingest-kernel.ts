// The hot loop of the ingestor behind an interface: source messages into grouped lines, dead letters and sums.
//
// Two kernels exist. The definition (definition-kernel.ts) reads each message with the reader of the pulse model. The one in
// WebAssembly (wasm-kernel.ts) takes usual pulses itself and leaves every other message to the definition. Both give the same
// bytes and sums, and stop at the same messages; the conformance suite holds them to that.
//
// Call order: `startWindow` for each window of a KeySpace over `bindings`, then `take` for its messages in order of offsets.
// The caller empties `batch` and `delta` whenever `take` stops early. Nothing is awaited.

import type { SourceIdentity, SourceRecords } from '@pulses/connector-api';
import type { OutputBatch } from '../commits/output-batch';
import type { PipelineLimits } from '../options';
import type { ResumePoint } from '../stored-positions';
import type { OpenWindow } from '../windows/open-window';
import type { DeltaAccumulator } from './delta-accumulator';

export interface IngestKernel {
  /** What it runs on, for the log. */
  readonly name: 'javascript' | 'wasm';
  /** Lines and dead letters that no commit has yet. */
  readonly batch: OutputBatch;
  /** Sums that the engine has not taken yet. */
  readonly delta: DeltaAccumulator;
  /** For the KeySpace of this kernel's windows. */
  readonly bindings: Int32Array;
  /** Offset behind the last message taken. */
  readonly nextOffset: number;
  /** Adds to this window from now on; the delta is empty. `fromOffset` is the first offset that is not in the engine's sums. */
  startWindow(window: OpenWindow, fromOffset: number): void;
  /**
   * Takes messages from `index` on until all are taken, or the batch or the delta is full; answers the next index. A message
   * is taken once and completely: its line or dead letter, and its amount.
   * @throws PulsesError WINDOW_FULL for a key beyond the window's limit
   */
  take(records: SourceRecords, index: number, window: OpenWindow): number;
  /** Gives its memory up. Nothing else may be called afterwards, and no key looked up in its windows. */
  close(): void;
}

export interface IngestKernelOptions {
  readonly source: SourceIdentity;
  /** No line is written below its `groupedOffset`, and nothing added below its `summedOffset`. */
  readonly resume: ResumePoint;
  readonly limits: Pick<PipelineLimits, 'commitBytes' | 'deltaRowsMax' | 'openKeysMax'>;
}
