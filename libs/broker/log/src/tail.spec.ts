import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import fc from 'fast-check';
import { createSimRandom } from '@pulses/testing-sim';
import { createArena, type Arena } from './arena';
import { BATCH_BYTES, createTail, type TailRow } from './tail';

const TOPICS = 5;

interface Known {
  readonly row: TailRow;
  readonly topicId: number;
  readonly baseOffset: number;
  readonly text: string;
  readonly lsn: number;
  readonly payloadAt: number;
  isTaken: boolean;
  isReleased: boolean;
}

describe('the tail', () => {
  it('gives what was stored, from memory or from its place in the journal, until it is released', () => {
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(0, 20_000), (seed, bytesMax) => {
        const random = createSimRandom(seed);
        const below = (limit: number) => Math.floor(random.fraction() * limit);
        const arena = countingArena();
        const tail = createTail(bytesMax, arena);
        const all: Known[] = [];
        const ends = new Map<number, number>();
        // Some runs go over several pages of rows.
        const entriesMax = below(10) === 0 ? 100 : 6;
        /** Added to the ids of topics: those before are deleted. */
        let firstTopic = 0;
        let next: TailRow | undefined;

        const pushFrame = (lsn: number): void => {
          const entries = Array.from({ length: 1 + below(entriesMax) }, () => ({
            topicId: firstTopic + below(TOPICS),
            lines: 1 + below(4),
          }));
          const texts = entries.map(({ topicId, lines }, index) =>
            Array.from(
              { length: lines },
              (_, line) => `${lsn}/${topicId}/${index}/${line} ${'x'.repeat(below(200))}\n`,
            ).join(''),
          );
          const length = texts.reduce((sum, text) => sum + text.length, 0);
          const { bytes, start } = arena.take(length);
          const place = { lsn, segmentFirstLsn: 1 + (lsn >> 5), position: lsn * 1000, length };
          const isInMemory = below(10) > 0;
          let at = 0;
          for (const [index, { topicId, lines }] of entries.entries()) {
            const text = texts[index] ?? '';
            const baseOffset = ends.get(topicId) ?? 0;
            Buffer.from(bytes.buffer, bytes.byteOffset).write(text, start + at);
            const row = tail.push(
              {
                kind: 'appended',
                topicId,
                baseOffset,
                recordCount: lines,
                length: text.length,
                bytes: isInMemory ? bytes : new Uint8Array(0),
                start: start + at,
                producer: undefined,
              },
              { place, payloadAt: at, timestampMs: lsn },
            );
            all.push({ row, topicId, baseOffset, text, lsn, payloadAt: at, isTaken: false, isReleased: false });
            ends.set(topicId, baseOffset + lines);
            next ??= row;
            at += text.length;
          }
        };

        const takeSome = (): void => {
          for (let count = below(20); count > 0 && next !== undefined; count -= 1) {
            const one = all.find(({ row }) => row === next)!; // it is in the tail
            expect([tail.topicIdOf(next), tail.lengthOf(next), tail.lsnOf(next)]).toEqual([
              one.topicId,
              one.text.length,
              one.lsn,
            ]);
            tail.take(next);
            one.isTaken = tail.isLoaded(next);
            next = tail.after(next);
          }
        };

        const release = (): void => {
          const before = all.findIndex(({ row }) => row === next);
          const taken = all.slice(0, before === -1 ? undefined : before).filter(({ isReleased }) => !isReleased);
          for (const one of taken) {
            if (below(3) === 0) continue;
            const stored = tail.inMemory(one.row);
            if (one.isTaken) expect(textOf(stored)).toBe(one.text);
            one.isReleased = true;
            tail.release(one.row);
          }
        };

        const read = (): void => {
          const topicId = firstTopic + below(TOPICS);
          const fromOffset = below((ends.get(topicId) ?? 0) + 2);
          const lines = all
            .filter((one) => one.topicId === topicId)
            .flatMap(({ text }) => text.split('\n').slice(0, -1));
          const found = tail.read(topicId, fromOffset, 1 + below(2_000)) ?? [];
          const read = found.flatMap(({ payload }) => Buffer.from(payload).toString().split('\n').slice(0, -1));
          expect(read).toEqual(lines.slice(fromOffset, fromOffset + read.length));
          for (const batch of found) expect(lines[batch.baseOffset]?.startsWith(`${batch.timestampMs}/`)).toBe(true);
          const waiting = all.find((one) => one.topicId === topicId && !one.isReleased && end(one) > fromOffset);
          if (found.length > 0 || waiting === undefined || waiting.baseOffset > fromOffset) return;
          const [first] = tail.unloaded(topicId, fromOffset, 1);
          expect(first).toMatchObject({
            baseOffset: waiting.baseOffset,
            length: waiting.text.length,
            payloadAt: waiting.payloadAt,
            place: { lsn: waiting.lsn, position: waiting.lsn * 1000, segmentFirstLsn: 1 + (waiting.lsn >> 5) },
          });
        };

        const drop = (): void => {
          for (let topicId = firstTopic; topicId < firstTopic + TOPICS; topicId += 1) {
            tail.drop(topicId);
            const fromOffset = below(ends.get(topicId) ?? 1);
            expect([tail.read(topicId, fromOffset, 1), tail.unloaded(topicId, fromOffset, 1)]).toEqual([undefined, []]);
          }
          firstTopic += TOPICS;
        };

        for (let lsn = 1; lsn <= 150; lsn += 1) {
          pushFrame(lsn);
          if (below(50) === 0) drop();
          if (below(3) === 0) takeSome();
          if (below(3) === 0) release();
          read();
          const unreleased = all.filter(({ isReleased }) => !isReleased);
          expect(tail.unreleasedCount).toBe(unreleased.length);
          expect(tail.unreleasedBytes).toBe(unreleased.reduce((sum, { text }) => sum + text.length, 0));
          const taken = unreleased.filter(({ isTaken }) => isTaken);
          const takenBytes = taken.reduce((sum, { text }) => sum + text.length + BATCH_BYTES, 0);
          expect(tail.bytes).toBeLessThanOrEqual(Math.max(bytesMax, takenBytes));
        }
        while (next !== undefined) takeSome();
        for (const one of all) if (!one.isReleased) tail.release(one.row);
        expect([tail.unreleasedCount, tail.unreleasedBytes, tail.unreleasedLoadedBytes]).toEqual([0, 0, 0]);
        expect(tail.bytes).toBeLessThanOrEqual(bytesMax);
        if (bytesMax === 0) expect(arena.held).toBe(0);
      }),
      { numRuns: SCALE.sizeOf({ sample: 10, fault: 100 }) },
    );
  });

  it('uses rows again', () => {
    const tail = createTail(0, createArena());
    for (let offset = 0; offset < 10_000; offset += 1) {
      const row = tail.push(
        {
          kind: 'appended',
          topicId: 1,
          baseOffset: offset,
          recordCount: 1,
          length: 9,
          bytes: new Uint8Array(0),
          start: 0,
          producer: undefined,
        },
        { place: { lsn: offset, segmentFirstLsn: 0, position: 0, length: 9 }, payloadAt: 0, timestampMs: 0 },
      );
      const found = tail.unloaded(1, offset, 1);
      if (found[0]?.place.lsn !== offset) throw new Error(`offset ${offset} is not there`);
      tail.release(row);
    }
    expect([tail.unreleasedCount, tail.unloaded(1, 9_999, 1)]).toEqual([0, []]);
  });
});

/** An arena that counts what is held in it. */
function countingArena(): Arena & { readonly held: number } {
  const arena = createArena();
  let held = 0;
  return {
    get held() {
      return held;
    },
    take: (length) => arena.take(length),
    hold: (bytes) => {
      held += 1;
      arena.hold(bytes);
    },
    release: (bytes) => {
      held -= 1;
      arena.release(bytes);
    },
  };
}

const end = ({ baseOffset, text }: Known): number => baseOffset + text.split('\n').length - 1;

function textOf(stored: { bytes: Uint8Array; start: number; length: number } | undefined): string | undefined {
  return stored && Buffer.from(stored.bytes.buffer, stored.bytes.byteOffset + stored.start, stored.length).toString();
}
