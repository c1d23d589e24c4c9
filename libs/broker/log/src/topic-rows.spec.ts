import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import fc from 'fast-check';
import { createSimRandom } from '@pulses/testing-sim';
import { BASE_OFFSET, RECORD_COUNT, TailRows, TOPIC_ID, type TailRow } from './tail-rows';
import { TopicRows } from './topic-rows';

const PAGE_ROWS = 4096;

interface Known {
  readonly row: TailRow;
  readonly topicId: number;
  readonly base: number;
  readonly count: number;
}

describe('the rows of topics in the tail', () => {
  it('are found by offset, whatever has come and left, also where numbers begin anew', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 50 }), (seed, topics) => {
        const random = createSimRandom(seed);
        const below = (limit: number) => Math.floor(random.fraction() * limit);
        const rows = new TailRows(2 ** 30 - 1 - below(3 * PAGE_ROWS));
        const topicRows = new TopicRows(rows);
        const ends = new Map<number, number>();
        let known: Known[] = [];
        const wrong: unknown[] = [];
        const add = (): void => {
          const topicId = below(topics);
          const [base, count] = [ends.get(topicId) ?? 0, 1 + below(9)];
          const row = rows.add();
          rows.set(row, TOPIC_ID, topicId);
          rows.set(row, BASE_OFFSET, base);
          rows.set(row, RECORD_COUNT, count);
          topicRows.add(row);
          ends.set(topicId, base + count);
          known.push({ row, topicId, base, count });
        };
        const leave = (count: number): void => {
          for (const { row } of known.slice(0, count)) {
            if (rows.oldest !== row) wrong.push({ row, oldest: rows.oldest });
            topicRows.leave(row);
            rows.leave();
            if (rows.has(row)) wrong.push({ row });
          }
          known = known.slice(count);
        };
        const compare = (): void => {
          const topicId = below(topics);
          const offset = below((ends.get(topicId) ?? 0) + 2);
          const ofTopic = known.filter((one) => one.topicId === topicId);
          const found = ofTopic.findIndex(({ base, count }) => base <= offset && offset < base + count);
          const row = topicRows.find(topicId, offset);
          expect(row).toBe(ofTopic[found]?.row);
          if (row !== undefined) expect(topicRows.after(row)).toBe(ofTopic[found + 1]?.row);
        };
        for (let phase = 0; phase < 8; phase += 1) {
          for (let count = below(3 * PAGE_ROWS); count > 0; count -= 1) add();
          for (let count = 0; count < 20; count += 1) compare();
          leave(phase % 3 === 2 ? known.length : below(known.length));
          for (let count = 0; count < 20; count += 1) compare();
          expect(rows.count).toBe(known.length);
          expect([...walk(rows)].join()).toBe(known.map(({ row }) => row).join());
        }
        expect(wrong).toEqual([]);
      }),
      { numRuns: SCALE.sizeOf({ sample: 2, fault: 15 }) },
    );
  });

  it('take some steps to be found, of many too', () => {
    const rows = new TailRows();
    const topicRows = new TopicRows(rows);
    const count = 100_000;
    for (let offset = 0; offset < count; offset += 1) {
      const row = rows.add();
      rows.set(row, TOPIC_ID, 1);
      rows.set(row, BASE_OFFSET, offset);
      rows.set(row, RECORD_COUNT, 1);
      topicRows.add(row);
    }
    let steps = 0;
    const has = rows.has.bind(rows);
    rows.has = (row) => {
      steps += 1;
      return has(row);
    };
    for (let offset = 0; offset < count; offset += 997) {
      steps = 0;
      expect(topicRows.find(1, offset)).toBe(offset);
      expect(steps).toBeLessThan(200);
    }
  });
});

function* walk(rows: TailRows): Generator<TailRow> {
  for (let row = rows.oldest; row !== undefined; row = rows.after(row)) yield row;
}
