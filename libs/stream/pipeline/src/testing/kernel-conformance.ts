// The suite of every ingest kernel: what it takes, where it stops, and what it leaves to the next call.

import { describe, expect, it } from '@jest/globals';
import { tenantOutputs } from '@pulses/connector-api';
import { formatAmount } from '@pulses/shared-pulse-model';
import type { IngestKernel, IngestKernelOptions } from '../kernel/ingest-kernel';
import { COMMIT_BYTES_MIN } from '../options';
import type { ResumePoint } from '../stored-positions';
import { OpenWindow } from '../windows/open-window';
import type { KeySpace } from '../windows/key-space';
import { kernelOptions, KEYS_MAX, keySpaceOf, recordsOf, resumeAt } from './filled-window';
import { line } from './rig';

const START_MS = 1_700_000_000_000;

/** A line in the usual form. */
const usual = (tenant: string, sku: string, amount: string | number): string =>
  `{"tenant_id":"${tenant}","product_sku":"${sku}","used_ammount":${amount},"use_unity":"GB"}`;

const LONGEST = '"\\'.repeat(128);

interface Started {
  readonly kernel: IngestKernel;
  readonly keySpace: KeySpace;
  window: OpenWindow;
}

export function describeIngestKernel(name: string, create: (options: IngestKernelOptions) => IngestKernel): void {
  const windowOf = (keySpace: KeySpace, fromOffset: number): OpenWindow =>
    new OpenWindow({
      startMs: START_MS,
      windowMs: 5_000,
      fromOffset,
      emittedKeys: 0,
      keys: keySpace.startWindow(),
    });

  const start = (resume: ResumePoint = resumeAt(0), limits: Partial<IngestKernelOptions['limits']> = {}): Started => {
    const kernel = create(kernelOptions(resume, limits));
    const keySpace = keySpaceOf(kernel.bindings);
    const window = windowOf(keySpace, resume.readFrom);
    kernel.startWindow(window, resume.summedOffset);
    return { kernel, keySpace, window };
  };

  const linesOf = ({ kernel, window }: Started): string[] => {
    const { grouped, deadLetters } = kernel.batch.finish(window.tenants, Buffer.alloc(100 * COMMIT_BYTES_MIN));
    return [...tenantOutputs(grouped), ...(deadLetters === undefined ? [] : [deadLetters])]
      .flatMap(({ payload }) => Buffer.from(payload).toString().split('\n'))
      .filter((text) => text !== '');
  };

  const offsetsOf = (started: Started): number[] =>
    linesOf(started)
      .map((text) => (JSON.parse(text) as { source_offset: number }).source_offset)
      .sort((left, right) => left - right);

  const sumsOf = ({ delta }: IngestKernel): string[] =>
    Array.from({ length: delta.length }, (_, row) => formatAmount(delta.limbs, 4 * row));

  const countsOf = ({ delta }: IngestKernel): number[] => [...delta.counts.subarray(0, delta.length)];

  describe(`an ingest kernel: ${name}`, () => {
    it('takes pulses into lines and sums, and the rest into dead letters', () => {
      const started = start();
      const { kernel, window } = started;
      const lines = [line('a', 's', 1), 'no pulse', usual('b', 's', 2), usual('a', 's', '3.50'), line('b', 's', 4)];
      expect(kernel.take(recordsOf(0, START_MS, lines), 0, window)).toBe(5);
      expect([kernel.nextOffset, window.nextOffset, kernel.delta.nextOffset]).toEqual([5, 5, 5]);
      expect(kernel.batch.reasons).toEqual(['not_json']);
      expect(sumsOf(kernel)).toEqual(['4.5', '6']);
      expect(countsOf(kernel)).toEqual([2, 2]);
      expect(offsetsOf(started)).toEqual([0, 1, 2, 3, 4]);
    });

    it('writes lines tenant by tenant, in source order, with the shortest plain amounts', () => {
      const started = start();
      const { kernel, window } = started;
      const amounts = ['1', '-2.500', '0.000', '-0', '-0.0', '100', '0.000000000000001', '999999999999999.1'];
      const lines = amounts.flatMap((amount) => [usual('a', 's', amount), usual('b', 's', amount)]);
      kernel.take(recordsOf(0, START_MS, lines), 0, window);
      const written = linesOf(started).map((text) => /"tenant_id":"(\w)".*"used_amount":([^,]+),/.exec(text)?.slice(1));
      const shortest = ['1', '-2.5', '0', '0', '0', '100', '0.000000000000001', '999999999999999.1'];
      expect(written).toEqual(['a', 'b'].flatMap((tenant) => shortest.map((amount) => [tenant, amount])));
    });

    it('sums exactly beyond the digits of one limb, up and down', () => {
      const { kernel, window } = start();
      const most = '999999999999999.999999999999999';
      const take = (amount: string, count: number): void => {
        const lines = Array.from({ length: count }, () => usual('a', 's', amount));
        kernel.take(recordsOf(kernel.nextOffset, START_MS, lines), 0, window);
      };
      take(most, 3);
      expect(sumsOf(kernel)).toEqual(['2999999999999999.999999999999997']);
      take(`-${most}`, 7);
      expect(sumsOf(kernel)).toEqual(['-3999999999999999.999999999999996']);
      take(most, 4);
      expect(sumsOf(kernel)).toEqual(['0']);
    });

    it('loses no digit of a sum that exceeds its limbs silently', () => {
      const { kernel, window } = start();
      const takeOne = (amount: string): number =>
        kernel.take(recordsOf(kernel.nextOffset, START_MS, [usual('a', 's', amount)]), 0, window);
      takeOne('1');
      kernel.delta.limbs.set([Number.MAX_SAFE_INTEGER - 1, 1e15 - 1]);
      takeOne('1');
      expect(sumsOf(kernel)).toEqual([`${Number.MAX_SAFE_INTEGER}${'0'.repeat(15)}`]);
      takeOne('999999999999999');
      takeOne('1');
      expect(() => sumsOf(kernel)).toThrow(RangeError);
    });

    it('stops where the batch is full and continues there once it is empty', () => {
      const started = start(resumeAt(0), { commitBytes: COMMIT_BYTES_MIN });
      const { kernel, window } = started;
      const lines = Array.from({ length: 60 }, (_, index) =>
        index % 5 === 0 ? 'x'.repeat(50) : usual('a', 's', index),
      );
      const records = recordsOf(0, START_MS, lines);
      const offsets: number[] = [];
      let batches = 0;
      for (let index = 0; index < lines.length; batches += 1) {
        index = kernel.take(records, index, window);
        expect(kernel.nextOffset).toBe(index);
        offsets.push(...offsetsOf(started));
      }
      expect(batches).toBeGreaterThan(2);
      expect(offsets).toEqual(lines.map((_, index) => index));
      expect(countsOf(kernel)).toEqual([48]);
    });

    it('has room in the smallest batch for the longest line', () => {
      const started = start(resumeAt(0), { commitBytes: COMMIT_BYTES_MIN });
      const { kernel, window } = started;
      const records = recordsOf(0, START_MS, [line(LONGEST, LONGEST, `-${'9'.repeat(20)}.${'9'.repeat(30)}`, LONGEST)]);
      expect(kernel.take(records, 0, window)).toBe(1);
      expect(offsetsOf(started)).toEqual([0]);
    });

    it('stops where the delta is full and continues there once it is clear', () => {
      const { kernel, window } = start(resumeAt(0), { deltaRowsMax: 2 });
      const records = recordsOf(
        0,
        START_MS,
        ['a', 'b', 'c', 'd', 'e', 'd', 'a'].map((sku) => usual('t', sku, 1)),
      );
      expect(kernel.take(records, 0, window)).toBe(2);
      expect(kernel.delta.isFull).toBe(true);
      kernel.delta.clear();
      expect(kernel.delta.fromOffset).toBe(2);
      expect(kernel.take(records, 2, window)).toBe(4);
      kernel.delta.clear();
      expect(kernel.take(records, 4, window)).toBe(6);
    });

    it('writes no line below the grouped offset and adds no sum below the summed one', () => {
      const lines = Array.from({ length: 9 }, (_, index) => (index === 1 ? 'no pulse' : usual('a', 's', 1)));
      const ahead = start({ readFrom: 0, groupedOffset: 4, summedOffset: 0 });
      ahead.kernel.take(recordsOf(0, START_MS, lines), 0, ahead.window);
      expect(offsetsOf(ahead)).toEqual([4, 5, 6, 7, 8]);
      expect(countsOf(ahead.kernel)).toEqual([8]);

      const behind = start({ readFrom: 0, groupedOffset: 0, summedOffset: 4 });
      behind.kernel.take(recordsOf(0, START_MS, lines), 0, behind.window);
      expect(offsetsOf(behind)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
      expect(countsOf(behind.kernel)).toEqual([5]);
    });

    it('numbers the keys of each window by their first appearance, known before or not', () => {
      const started = start();
      const { kernel, keySpace } = started;
      const skusOf = (window: OpenWindow): string[] =>
        Array.from(
          { length: window.keys.size },
          (_, id) => /s\d/.exec(Buffer.from(window.keys.bytesOf(id)).toString())?.[0] ?? '',
        );
      const read = (...skus: string[]): string[] => {
        const window = windowOf(keySpace, kernel.nextOffset);
        started.window = window;
        kernel.startWindow(window, kernel.nextOffset);
        const lines = skus.map((sku) => usual('a', sku, 1));
        kernel.take(recordsOf(kernel.nextOffset, START_MS, lines), 0, window);
        expect([...kernel.delta.ids.subarray(0, kernel.delta.length)]).toEqual([...Array(kernel.delta.length).keys()]);
        kernel.delta.clear();
        return skusOf(window);
      };
      expect(read('s1', 's2', 's1', 's3')).toEqual(['s1', 's2', 's3']);
      expect(read('s3', 's4', 's3', 's1', 's4')).toEqual(['s3', 's4', 's1']);
      expect(read('s2', 's2')).toEqual(['s2']);
    });

    it('refuses a key beyond the limit of a window, and takes what comes before it', () => {
      const { kernel, window } = start(resumeAt(0), {
        openKeysMax: KEYS_MAX,
        deltaRowsMax: 2 * KEYS_MAX,
        commitBytes: 2 ** 20,
      });
      const lines = Array.from({ length: KEYS_MAX + 1 }, (_, index) => usual('a', `s${index}`, 1));
      const records = recordsOf(0, START_MS, [...lines.slice(0, KEYS_MAX), ...lines]);
      expect(() => kernel.take(records, 0, window)).toThrow(
        expect.objectContaining({ code: 'WINDOW_FULL', message: expect.stringContaining('1000 keys') }),
      );
      expect(countsOf(kernel)).toEqual(Array(KEYS_MAX).fill(2));
    });

    it('takes a message larger than anything that it keeps of the source', () => {
      const started = start();
      const { kernel, window } = started;
      const large = `{"x":"${'y'.repeat(700_000)}",${usual('a', 's', 1).slice(1)}`;
      const records = recordsOf(0, START_MS, [usual('a', 's', 1), large, large, usual('a', 's', 1)]);
      expect(kernel.take(records, 0, window)).toBe(4);
      expect(countsOf(kernel)).toEqual([4]);
      expect(offsetsOf(started)).toEqual([0, 1, 2, 3]);
    });
  });
}
