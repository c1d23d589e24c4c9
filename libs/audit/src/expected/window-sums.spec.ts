import { describe, expect, it } from '@jest/globals';
import { formatAmount, parseAmount, type Amount } from '@pulses/shared-pulse-model';
import fc from 'fast-check';
import { textOf, unitsOf } from '../testing/decimal';
import { openWindow, WindowSums } from './window-sums';

const amount = fc
  .tuple(fc.constantFrom('', '-'), fc.bigInt({ min: 0n, max: 10n ** 20n - 1n }), fc.stringMatching(/^[0-9]{1,30}$/))
  .map(([sign, whole, fraction]) => `${sign}${whole}.${fraction}`);

describe('the sums of a window', () => {
  it('are exact, key by key and window by window, as BigInt has them', () => {
    const added = fc.record({ id: fc.nat(3000), text: amount, timestampMs: fc.nat(10_000) });
    fc.assert(
      fc.property(fc.array(fc.array(added, { maxLength: 60 }), { minLength: 1, maxLength: 3 }), (windows) => {
        const sums = new WindowSums();
        for (const window of windows) {
          const expected = new Map<number, { units: bigint; count: number; times: number[] }>();
          for (const { id, text, timestampMs } of window) {
            sums.add(id, parseAmount(text) as Amount, timestampMs);
            const { units, count, times } = expected.get(id) ?? { units: 0n, count: 0, times: [] };
            expected.set(id, { units: units + unitsOf(text), count: count + 1, times: [...times, timestampMs] });
          }
          const found = Array.from({ length: sums.count }, (_, index) => {
            const { limbs, limbIndex, pulseCount, firstSeenMs, lastSeenMs } = sums.sumOf(sums.idAt(index));
            return [sums.idAt(index), formatAmount(limbs, limbIndex), pulseCount, firstSeenMs, lastSeenMs];
          });
          expect(found).toEqual(
            [...expected].map(([id, { units, count, times }]) => [id, textOf(units), count, times[0], times.at(-1)]),
          );
          sums.clear();
        }
      }),
    );
  });

  it.each([
    [5000, 1_700_000_003_999, 1_700_000_000_000],
    [7000, 1_700_000_003_999, 1_699_999_000_000 + 7000 * 143],
    [1, 5, 5],
  ])('of %i ms with a message at %i begin at a multiple of their length', (windowMs, timestampMs, startMs) => {
    const window = openWindow(windowMs, 9, timestampMs);
    expect(window.startMs % windowMs).toBe(0);
    expect(window.startMs <= timestampMs && timestampMs < window.endMs).toBe(true);
    if (startMs % windowMs === 0) expect(window.startMs).toBe(startMs);
  });
});
