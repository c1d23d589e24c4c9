// Checks after every commit of a simulated log that its positions match its outputs.

import { expectedOutputs } from './expected-outputs';
import type { SimLog } from './sim-log';

/** Throws inside the first commit after which positions and outputs differ. */
export function watchPositions(log: SimLog, windowMs: number): void {
  const { sourceTopic } = log;
  const sumsBelow = new Map<number, number>();
  const linesOf = (suffix: string): number =>
    [...log.topics].reduce(
      (count, [topic, text]) => (topic.endsWith(suffix) ? count + text.split('\n').length - 1 : count),
      0,
    );

  log.onStored = () => {
    const { offset = 0, metadata = '' } = log.positions.get('windowed') ?? {};
    let sums = sumsBelow.get(offset);
    if (sums === undefined) {
      const read = log.messages.filter((message) => message.offset < offset);
      const expected = expectedOutputs(read, { sourceTopic, windowMs, clockMs: Infinity });
      sums = Object.entries(expected).reduce(
        (count, [topic, { length }]) => (topic.endsWith('.amount') ? count + length : count),
        0,
      );
      sumsBelow.set(offset, sums);
    }
    const emitted = metadata === '' ? 0 : (JSON.parse(metadata) as { emitted_keys: number }).emitted_keys;
    const grouped = log.positions.get('grouped')?.offset ?? 0;
    const expected = [log.messages.filter((message) => message.offset < grouped).length, sums + emitted];
    const stored = [linesOf('.grouped.pulses') + linesOf('.dead-letter'), linesOf('.amount')];
    if (String(expected) !== String(stored))
      throw new Error(`positions cover ${String(expected)} lines, ${String(stored)} are stored`);
  };
}
