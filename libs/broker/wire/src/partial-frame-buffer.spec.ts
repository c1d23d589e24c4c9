import { describe, expect, it } from '@jest/globals';
import { createPartialFrameBuffer } from './partial-frame-buffer';

describe('bytes that are held', () => {
  it('come out as they went in, however they were cut', () => {
    const all = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
    for (const size of [1_000, 65_536, 299_999]) {
      const held = createPartialFrameBuffer();
      for (let at = 0; at < all.length; at += size) held.add(all.subarray(at, at + size));
      expect(held.length).toBe(all.length);
      expect(held.take().equals(all)).toBe(true);
      expect(held.length).toBe(0);
    }
  });

  it('do not need the chunks that they came in', () => {
    const held = createPartialFrameBuffer();
    const chunk = Buffer.from('some bytes');
    held.add(chunk);
    chunk.fill(0);
    expect(held.take().toString()).toBe('some bytes');
  });

  it('come out in memory of the length that was expected', () => {
    const all = Buffer.from(Array.from({ length: 400_000 }, (_, index) => index % 251));
    for (const size of [1_000, 65_536]) {
      const held = createPartialFrameBuffer();
      held.expectedBytes = all.length;
      for (let at = 0; at < all.length; at += size) held.add(all.subarray(at, at + size));
      const whole = held.take();
      expect(whole.equals(all)).toBe(true);
      expect(whole.buffer.byteLength).toBe(all.length);
      expect([held.length, held.expectedBytes]).toEqual([0, undefined]);
    }
  });

  it('take little when few of the expected ones come', () => {
    const held = createPartialFrameBuffer();
    held.expectedBytes = 16_000_000;
    held.add(Buffer.alloc(70_000));
    held.add(Buffer.alloc(30_000));
    expect(held.take().buffer.byteLength).toBeLessThanOrEqual(200_000);
  });

  it('take twice their memory at most', () => {
    const held = createPartialFrameBuffer();
    for (const size of [100, 30_000, 100_000]) {
      held.add(Buffer.alloc(size - 1));
      held.add(Buffer.alloc(1));
      expect(held.take().buffer.byteLength).toBeLessThanOrEqual(2 * size);
    }
  });
});
