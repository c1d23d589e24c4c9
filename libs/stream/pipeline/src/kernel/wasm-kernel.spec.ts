import { describe, expect, it } from '@jest/globals';
import { createSimRandom } from '@pulses/testing-sim';
import { kernelOptions, keySpaceOf, recordsOf } from '../testing/filled-window';
import { OpenWindow } from '../windows/open-window';
import { WasmKernel } from './wasm-kernel';

const START_MS = 1_700_000_000_000;

const LINES = [
  '{"tenant_id":"a","product_sku":"s","used_ammount":1.5,"use_unity":"GB"}',
  '{"use_unit":"GB","used_amount":-20,"product_sku":"s","tenant_id":"a"}',
  '{"tenant_id": "a", "product_sku": "s", "used_ammount": 0.25, "use_unity": "GB"}',
  '{"tenant_id":"a","product_sku":"s","used_ammount":7,"use_unity":"GB","timestamp":1700000000.125,"pulse_id":"p-1"}',
  '{"tenant_id":"a","product_sku":"s","used_ammount":7,"use_unity":"GB"}\r',
  '{"tenant_id":"é","product_sku":"計量","used_ammount":999999999999999.999999999999999,"use_unity":"😀"}',
];

function start(knownKeysMax?: number) {
  const kernel = new WasmKernel({
    ...kernelOptions(),
    random: createSimRandom(1),
    ...(knownKeysMax !== undefined && { knownKeysMax }),
  });
  const keySpace = keySpaceOf(kernel.bindings);
  const startWindow = (): OpenWindow => {
    const fromOffset = kernel.nextOffset;
    const window = new OpenWindow({
      startMs: START_MS,
      windowMs: 5_000,
      fromOffset,
      emittedKeys: 0,
      keys: keySpace.startWindow(),
    });
    kernel.startWindow(window, fromOffset);
    return window;
  };
  /** Number of the lines that were left to the definition. */
  const leftOf = (window: OpenWindow, lines: readonly string[]): number => {
    const before = kernel.leftCount;
    const records = recordsOf(kernel.nextOffset, START_MS, lines);
    expect(kernel.take(records, 0, window)).toBe(lines.length);
    return kernel.leftCount - before;
  };
  return { kernel, startWindow, leftOf };
}

describe('the kernel in WebAssembly', () => {
  it('leaves a key to the definition once, and takes it itself from then on, also in later windows', () => {
    const { kernel, startWindow, leftOf } = start();
    const window = startWindow();
    expect(leftOf(window, LINES)).toBe(2);
    expect(leftOf(window, [...LINES, ...LINES])).toBe(0);
    kernel.delta.clear();
    expect(leftOf(startWindow(), LINES)).toBe(0);
  });

  it.each([0, 1, 2, 3])('takes usual lines with %s bytes between them', (gap) => {
    const { kernel, startWindow } = start();
    const window = startWindow();
    kernel.take(recordsOf(0, START_MS, LINES), 0, window);
    const { leftCount } = kernel;
    const bytes = Buffer.from(LINES.join(' '.repeat(gap)));
    let end = -gap;
    const ends = Int32Array.from(LINES, (text) => (end += gap + Buffer.byteLength(text)));
    const records = { ...recordsOf(LINES.length, START_MS, LINES), bytes, ends, gap };
    expect(kernel.take(records, 0, window)).toBe(LINES.length);
    expect(kernel.leftCount).toBe(leftCount);
  });

  it.each([
    ['an escape', '{"tenant_id":"\\u0061","product_sku":"s","used_ammount":1,"use_unity":"GB"}'],
    ['an amount in a string', '{"tenant_id":"a","product_sku":"s","used_ammount":"1","use_unity":"GB"}'],
    ['an unknown key', '{"tenant_id":"a","product_sku":"s","used_ammount":1,"use_unity":"GB","x":1}'],
    ['an exponent', '{"tenant_id":"a","product_sku":"s","used_ammount":1e2,"use_unity":"GB"}'],
    ['sixteen digits', '{"tenant_id":"a","product_sku":"s","used_ammount":1000000000000000,"use_unity":"GB"}'],
    ['other white space', '{"tenant_id" :"a","product_sku":"s","used_ammount":1,"use_unity":"GB"}'],
    ['no pulse', '{"tenant_id":"a","product_sku":"s","used_ammount":1'],
  ])('leaves %s to the definition', (_, text) => {
    const { startWindow, leftOf } = start();
    const window = startWindow();
    leftOf(window, LINES);
    expect(leftOf(window, [text])).toBe(1);
  });

  it('leaves the keys beyond its table to the definition', () => {
    const { startWindow, leftOf } = start(1);
    const window = startWindow();
    leftOf(window, LINES);
    expect(leftOf(window, LINES)).toBe(1);
  });

  it('starts from nothing on the memory of one that was closed', () => {
    const first = start();
    const before = first.startWindow();
    first.leftOf(before, LINES);
    first.kernel.close();
    const { kernel, startWindow, leftOf } = start();
    expect(kernel.bindings.buffer).toBe(first.kernel.bindings.buffer);
    const window = startWindow();
    expect([kernel.delta.length, kernel.batch.isEmpty, window.keys.size]).toEqual([0, true, 0]);
    expect(leftOf(window, LINES)).toBe(2);
    expect(kernel.delta.counts.subarray(0, kernel.delta.length)).toEqual(Float64Array.of(5, 1));
  });
});
