import { describe, expect, it } from '@jest/globals';
import type { PlacedFrame } from '../journal/journal';
import { TopicTable } from '../topics/topic-table';
import { planSeal } from './seal-plan';
import { UnsealedIndex } from './unsealed';

interface Row {
  readonly id: number;
  readonly count: number;
  readonly length: number;
}

/** Topics 1 to 4 of kinds 1, 0, 1, 0, two full segments with pieces of them, and one in use. */
function journal(): { topics: TopicTable; unsealed: UnsealedIndex } {
  const topics = new TopicTable(new Uint8Array(12), (name) => (name.startsWith('out') ? 1 : 0));
  for (const [index, name] of ['out-1', 'a', 'out-3', 'b'].entries()) topics.create(index + 1, name);
  const unsealed = new UnsealedIndex(topics);
  let lsn = 1;
  const add = (...rows: readonly Row[]): void => {
    const columns = Uint32Array.from([
      ...rows.map(({ id }) => id),
      ...rows.map(({ count }) => count),
      ...rows.map(({ length }) => length),
    ]);
    topics.append(columns, rows.length, lsn, [], new Float64Array(16));
    const payloadLength = rows.reduce((sum, { length }) => sum + length, 0);
    const frame = { lsn, timestampMs: lsn, rows: rows.length, columns, entries: [], segmentFirstLsn: 1 };
    unsealed.add({ ...frame, payloadAt: 0, payloadLength, payloadCrc: 0, end: 100 } satisfies PlacedFrame);
    lsn += 1;
  };
  unsealed.begin(lsn);
  add({ id: 4, count: 1, length: 10 }, { id: 1, count: 2, length: 20 });
  add({ id: 4, count: 3, length: 30 });
  unsealed.begin(lsn);
  add({ id: 2, count: 4, length: 40 }, { id: 3, count: 1, length: 15 }, { id: 4, count: 5, length: 50 });
  unsealed.begin(lsn);
  add({ id: 2, count: 9, length: 90 });
  return { topics, unsealed };
}

/** By kind: id, base offset, bytes and pieces of each topic. */
async function planned(
  { topics, unsealed }: ReturnType<typeof journal>,
  onPause: (pause: number) => void,
): Promise<object[][]> {
  let pauses = 0;
  const pause = (): Promise<void> => {
    onPause(++pauses);
    return Promise.resolve();
  };
  const plan = await planSeal(unsealed.segments.slice(0, -1), topics, pause, 1);
  return [0, 1].map((kind) => {
    const [from, to] = [plan.topics.firstOf[kind]!, plan.topics.firstOf[kind + 1]!]; // there are eight
    return Array.from({ length: to - from }, (_, index) => {
      const at = from + index;
      const [first, end] = [plan.topics.firstPieces[at]!, plan.topics.firstPieces[at + 1]!]; // one more than topics
      const pieces = Array.from({ length: end - first }, (_none, piece) => [
        plan.segmentOf[first + piece],
        plan.placeOf[first + piece],
      ]);
      return { id: plan.topics.ids[at], from: plan.topics.baseOffsets[at], bytes: plan.topics.lengths[at], pieces };
    });
  });
}

const A = { id: 2, from: 0, bytes: 40, pieces: [[1, 0]] };
const B = { id: 4, from: 0, bytes: 90, pieces: [[0, 0], [0, 2], [1, 2]] }; // prettier-ignore
const OUT_1 = { id: 1, from: 0, bytes: 20, pieces: [[0, 1]] };
const OUT_3 = { id: 3, from: 0, bytes: 15, pieces: [[1, 1]] };

describe('the plan of a seal', () => {
  it('has the pieces of full segments by kind, topic and offset', async () => {
    expect(await planned(journal(), () => undefined)).toEqual([
      [A, B],
      [OUT_1, OUT_3],
    ]);
  });

  it('is one view of the topics, whichever slice it is when one is deleted and its row is used again', async () => {
    const all = await Promise.all(
      Array.from({ length: 18 }, async (_, at) => {
        const from = journal();
        let pauses = 0;
        const found = await planned(from, (pause) => {
          pauses = pause;
          if (pause !== at) return;
          from.topics.remove(from.topics.rowOf(4));
          from.topics.create(5, 'c');
        });
        return { isLate: at > pauses, found };
      }),
    );
    const outs = [OUT_1, OUT_3];
    const seen = all.filter(({ isLate }) => !isLate).map(({ found }) => [found[0]?.length === 1 ? [A] : [A, B], outs]);
    expect(all.filter(({ isLate }) => !isLate).map(({ found }) => found)).toEqual(seen);
    expect(new Set(seen.map(([a]) => a?.length)).size).toBe(2);
  });

  it('is empty without a piece', async () => {
    const { topics } = journal();
    const plan = await planSeal([], topics, () => Promise.resolve());
    expect(plan.topics.ids.length + plan.placeOf.length).toBe(0);
  });
});
