import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ACME_GROUPED, audit, change, findingsOf, smallSystem, system, TENANTS } from './testing/audited-system';
import { writeSystem } from './testing/written-system';

describe('the audit of a range', () => {
  it('compares only what belongs to the source offsets asked for', async () => {
    const report = await audit(smallSystem(), { from: 5, to: 15 });
    expect(report.findings.first).toEqual([]);
    expect(report.found).toEqual({ grouped: 8, deadLetters: 2, sums: 6, ofOtherSources: 0 });
    expect(report.replayed).toEqual({ messages: 10, pulses: 8, deadLetters: 2, windows: 2, sums: 6 });
  });

  it.each([
    [7, 20, 3],
    [0, 13, 6],
    [6, 9, 0],
    [7, 13, 0],
    [11, 14, 0],
    [0, 0, 0],
    [30, 40, 0],
  ])('passes over windows that lie only partly in [%i, %i)', async (from, to, sums) => {
    const report = await audit(smallSystem(), { from, to });
    expect(report.findings.first).toEqual([]);
    expect(report.replayed.sums).toBe(sums);
    expect(report.found.sums).toBe(sums);
  });

  it('finds nothing wrong in any range of what an ingestor writes', async () => {
    await fc.assert(
      fc.asyncProperty(
        system,
        fc.nat(60),
        fc.nat(60),
        fc.option(fc.constantFrom(...TENANTS)),
        async (plan, from, length, tenant) => {
          const single = plan.lengths.slice(0, 1);
          const broker = writeSystem({ ...plan, lengths: single });
          expect(await findingsOf(broker, { from, to: from + length, ...(tenant === null ? {} : { tenant }) })).toEqual(
            [],
          );
        },
      ),
    );
  });

  it('finds a change exactly when it belongs to the offsets and the tenant asked for', async () => {
    const broker = smallSystem();
    // The line of source offset 6.
    change(broker, ACME_GROUPED, 4, (line) => line.replace('"used_amount":5', '"used_amount":6'));
    const found = async (selection: Parameters<typeof audit>[1]) => (await findingsOf(broker, selection)).length;
    expect(await found({ from: 6, to: 7 })).toBe(1);
    expect(await found({ from: 7 })).toBe(0);
    expect(await found({ to: 6 })).toBe(0);
    expect(await found({ tenant: 'acme' })).toBe(1);
    expect(await found({ tenant: 'a.b' })).toBe(0);
    expect(await found({ tenant: 'nobody' })).toBe(0);
  });
});
