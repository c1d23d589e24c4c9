import { describe, expect, it } from '@jest/globals';
import { createArena, type Allotment } from './arena';

const MIB = 1024 * 1024;
/** Three of these, and not four, fit a slab. */
const THIRD = 300_000;

describe('memory of frames', () => {
  const taken = (arena: ReturnType<typeof createArena>, length: number): Allotment => {
    const allotment = arena.take(length);
    arena.hold(allotment.bytes);
    return allotment;
  };

  it('is shared by small ones, none of which lies on another', () => {
    const arena = createArena();
    const places = Array.from({ length: 5 }, () => taken(arena, THIRD));
    expect(new Set(places.map(({ bytes }) => bytes)).size).toBe(2);
    expect(places.map(({ start }) => start)).toEqual([0, 1, 2, 0, 1].map((index) => index * THIRD));
  });

  it('is used again once all that was held in it is released', () => {
    const arena = createArena();
    const [first, second] = [taken(arena, MIB / 2), taken(arena, MIB / 2)];
    expect(second.bytes).toBe(first.bytes);
    arena.release(first.bytes);
    const third = taken(arena, MIB / 2);
    expect(third.bytes).not.toBe(first.bytes);
    arena.release(second.bytes);
    taken(arena, MIB / 2);
    expect(taken(arena, MIB / 2).bytes).toBe(first.bytes);
  });

  it('is not used again under a frame that is being written', () => {
    const arena = createArena();
    const first = taken(arena, 100);
    arena.release(first.bytes);
    expect(taken(arena, 100)).toEqual({ bytes: first.bytes, start: 100 });
  });

  it('is freed at once when a large frame is released', () => {
    const arena = createArena();
    // As long as a slab, and none.
    const { bytes } = taken(arena, MIB);
    arena.hold(bytes);
    arena.release(bytes);
    expect(bytes.length).toBe(MIB);
    arena.release(bytes);
    expect(bytes.length).toBe(0);
  });

  it('is not kept for more than a few frames that may come', () => {
    const arena = createArena();
    const slabs = Array.from({ length: 20 }, () => taken(arena, MIB / 2).bytes).filter((_, index) => index % 2 === 0);
    for (const bytes of [...slabs, ...slabs]) arena.release(bytes);
    expect(slabs.map(({ length }) => length)).toEqual([MIB, MIB, MIB, MIB, 0, 0, 0, 0, 0, MIB]);
  });
});
