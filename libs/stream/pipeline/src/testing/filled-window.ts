// Windows with pulses in them, for specs of the parts that work on windows.

import type { AggregationEngine } from '@pulses/aggregation-api';
import type { SourceRecords } from '@pulses/connector-api';
import { OpenWindow } from '../windows/open-window';
import { OutputBatch } from '../commits/output-batch';
import { COMMIT_BYTES_MIN } from '../options';
import { PulseIntake } from '../pulse-intake';
import type { ResumePoint } from '../stored-positions';

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
  return new OpenWindow({ startMs, windowMs, fromOffset, emittedKeys: 0, keysMax: 1_000, hashSeed: [1, 2] });
}

export function resumeAt(offset: number): ResumePoint {
  return { readFrom: offset, groupedOffset: offset, summedOffset: offset };
}

/** Reads lines into a window and hands their sums to the engine. */
export async function fill(engine: AggregationEngine, window: OpenWindow, lines: readonly string[]): Promise<void> {
  const intake = new PulseIntake(SOURCE, resumeAt(window.nextOffset), 1_000);
  intake.delta.startWindow(window.startMs, window.keys, window.nextOffset);
  const batch = new OutputBatch(100 * COMMIT_BYTES_MIN);
  const taken = intake.take(recordsOf(window.nextOffset, window.startMs, lines), 0, window, batch);
  if (taken !== lines.length) throw new Error(`took ${taken} of ${lines.length} lines`);
  if (intake.delta.length > 0) await engine.add(intake.delta);
}
