// Windows with pulses in them, for specs of the parts that work on windows.

import type { AggregationEngine } from '@pulses/aggregation-api';
import type { SourceRecords } from '@pulses/connector-api';
import { createSimRandom } from '@pulses/testing-sim';
import { OpenWindow } from '../windows/open-window';
import { COMMIT_BYTES_MIN } from '../options';
import type { IngestKernelOptions } from '../kernel/ingest-kernel';
import { createDefinitionKernel } from '../kernel/definition-kernel';
import { entriesMaxOf, KeySpace } from '../windows/key-space';
import type { ResumePoint } from '../stored-positions';

export const KEYS_MAX = 1_000;

export const SOURCE = { topic: 'source.pulses', incarnation: '0'.repeat(32) };

export function recordsOf(baseOffset: number, timestampMs: number, lines: readonly string[]): SourceRecords {
  const ends = new Int32Array(lines.length);
  let end = -1;
  lines.forEach((line, index) => {
    end += 1 + Buffer.byteLength(line);
    ends[index] = end;
  });
  const bytes = Buffer.from(lines.join('\n'));
  return { kind: 'records', baseOffset, recordCount: lines.length, timestampMs, bytes, start: 0, ends, gap: 1 };
}

export function windowAt(startMs: number, fromOffset = 0, windowMs = 5_000): OpenWindow {
  return new OpenWindow({ startMs, windowMs, fromOffset, emittedKeys: 0, keys: keySpaceOf().startWindow() });
}

/** For windows of up to `KEYS_MAX` keys. */
export function keySpaceOf(bindings: Int32Array = new Int32Array(entriesMaxOf(KEYS_MAX))): KeySpace {
  return new KeySpace({ bindings, openKeysMax: KEYS_MAX, random: createSimRandom(3) });
}

export function kernelOptions(
  resume: ResumePoint = resumeAt(0),
  limits: Partial<IngestKernelOptions['limits']> = {},
): IngestKernelOptions {
  return {
    source: SOURCE,
    resume,
    limits: { commitBytes: 100 * COMMIT_BYTES_MIN, deltaRowsMax: 1_000, openKeysMax: KEYS_MAX, ...limits },
  };
}

export function resumeAt(offset: number): ResumePoint {
  return { readFrom: offset, groupedOffset: offset, summedOffset: offset };
}

/** Reads lines into a window and hands their sums to the engine. */
export async function fill(engine: AggregationEngine, window: OpenWindow, lines: readonly string[]): Promise<void> {
  const kernel = createDefinitionKernel(kernelOptions(resumeAt(window.nextOffset)));
  kernel.startWindow(window, window.nextOffset);
  const taken = kernel.take(recordsOf(window.nextOffset, window.startMs, lines), 0, window);
  if (taken !== lines.length) throw new Error(`took ${taken} of ${lines.length} lines`);
  if (kernel.delta.length > 0) await engine.add(kernel.delta);
}
