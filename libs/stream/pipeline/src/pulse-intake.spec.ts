import { describe, expect, it } from '@jest/globals';
import { COMMIT_BYTES_MIN } from './options';
import { OutputBatch } from './commits/output-batch';
import { PulseIntake } from './pulse-intake';
import type { ResumePoint } from './stored-positions';
import { recordsOf, resumeAt, SOURCE, windowAt } from './testing/filled-window';
import { line } from './testing/rig';

const START_MS = 1_700_000_000_000;

function start(resume: ResumePoint = resumeAt(0), deltaRowsMax = 100) {
  const window = windowAt(START_MS);
  const intake = new PulseIntake(SOURCE, resume, deltaRowsMax);
  intake.delta.startWindow(START_MS, window.keys, resume.summedOffset);
  return { window, intake };
}

const offsetsOf = (batch: OutputBatch, tenants: readonly string[]): number[] => {
  const { grouped, deadLetters } = batch.finish(tenants);
  const lines = [...grouped, ...(deadLetters === undefined ? [] : [deadLetters])]
    .flatMap(({ payload }) => Buffer.from(payload).toString().split('\n'))
    .filter((text) => text !== '');
  return lines.map((text) => (JSON.parse(text) as { source_offset: number }).source_offset).sort((a, b) => a - b);
};

describe('the intake of pulses', () => {
  it('takes pulses into lines and sums, and the rest into dead letters', () => {
    const { window, intake } = start();
    const batch = new OutputBatch(10 * COMMIT_BYTES_MIN);
    const records = recordsOf(0, START_MS, [line('a', 's', 1), 'no pulse', line('b', 's', 2), line('a', 's', 3)]);
    expect(intake.take(records, 0, window, batch)).toBe(4);
    expect([intake.nextOffset, window.nextOffset, intake.delta.nextOffset]).toEqual([4, 4, 4]);
    expect(offsetsOf(batch, window.tenants)).toEqual([0, 1, 2, 3]);
    expect([...intake.delta.counts.subarray(0, intake.delta.length)]).toEqual([2, 1]);
    expect(batch.reasons).toEqual(['not_json']);
  });

  it('stops where the batch is full and continues there with another one', () => {
    const { window, intake } = start();
    const lines = Array.from({ length: 60 }, (_, index) => (index % 5 === 0 ? 'x'.repeat(50) : line('a', 's', index)));
    const records = recordsOf(0, START_MS, lines);
    const offsets: number[] = [];
    let batches = 0;
    for (let index = 0; index < lines.length; batches += 1) {
      const batch = new OutputBatch(COMMIT_BYTES_MIN);
      index = intake.take(records, index, window, batch);
      expect(intake.nextOffset).toBe(index);
      offsets.push(...offsetsOf(batch, window.tenants));
    }
    expect(batches).toBeGreaterThan(2);
    expect(offsets).toEqual(lines.map((_, index) => index));
    expect(intake.delta.counts[0]).toBe(48);
  });

  it('stops where the delta is full and continues there once it is clear', () => {
    const { window, intake } = start(resumeAt(0), 2);
    const batch = new OutputBatch(10 * COMMIT_BYTES_MIN);
    const records = recordsOf(
      0,
      START_MS,
      ['a', 'b', 'c', 'd', 'e'].map((sku) => line('t', sku, 1)),
    );
    expect(intake.take(records, 0, window, batch)).toBe(2);
    expect(intake.delta.isFull).toBe(true);
    intake.delta.clear();
    expect(intake.delta.fromOffset).toBe(2);
    expect(intake.take(records, 2, window, batch)).toBe(4);
  });

  it('writes no line below the grouped offset and adds no sum below the summed one', () => {
    const lines = Array.from({ length: 6 }, (_, index) => (index === 1 ? 'no pulse' : line('a', 's', index)));
    const ahead = start({ readFrom: 0, groupedOffset: 4, summedOffset: 0 });
    const batch = new OutputBatch(10 * COMMIT_BYTES_MIN);
    ahead.intake.take(recordsOf(0, START_MS, lines), 0, ahead.window, batch);
    expect(offsetsOf(batch, ahead.window.tenants)).toEqual([4, 5]);
    expect(ahead.intake.delta.counts[0]).toBe(5);

    const behind = start({ readFrom: 0, groupedOffset: 0, summedOffset: 4 });
    const other = new OutputBatch(10 * COMMIT_BYTES_MIN);
    behind.intake.take(recordsOf(0, START_MS, lines), 0, behind.window, other);
    expect(offsetsOf(other, behind.window.tenants)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(behind.intake.delta.counts[0]).toBe(2);
  });
});
