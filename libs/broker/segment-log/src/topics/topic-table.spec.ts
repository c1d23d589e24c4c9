import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { createSimRandom } from '@pulses/testing-sim';
import { NO_ROW, TopicTable } from './topic-table';

const LOG_ID = Uint8Array.from({ length: 12 }, (_, index) => index + 1);
const KINDS = new Float64Array(16);

function table(): TopicTable {
  return new TopicTable(LOG_ID, (name) => name.length % 3);
}

/** Names of all lengths, some of which are as long in bytes as others in units. */
const nameOf = (number: number): string => `${['t', 'é', '\u{1F600}', 'tt'][number % 4] ?? ''}${number % 997}`;

describe(`the table of topics (${SCALE.note})`, () => {
  it('finds each topic by its name and id, and no other, while topics come and go', () => {
    const topics = table();
    const random = createSimRandom(SCALE.seed);
    const below = (count: number): number => Math.floor(random.fraction() * count);
    const model = new Map<string, { id: number; count: number; kind: number }>();
    for (let step = 0; step < 20_000; step += 1) {
      // Grows, shrinks, and grows again.
      const isGrowing = step % 8_000 < 5_000;
      const name = nameOf(below(4_000));
      const known = model.get(name);
      const row = topics.find(name);
      expect(row === NO_ROW).toBe(known === undefined);
      if (known === undefined) {
        const id = topics.nextId + below(3);
        expect(topics.create(id, name)).toBe(true);
        model.set(name, { id, count: 0, kind: name.length % 3 });
        continue;
      }
      expect([topics.idOf(row), topics.rowOf(known.id), topics.nameOf(row)]).toEqual([known.id, row, name]);
      expect([topics.nextOffset(row), topics.kindOf(row)]).toEqual([known.count, known.kind]);
      if (below(isGrowing ? 8 : 2) === 0) {
        topics.remove(row);
        model.delete(name);
        expect([topics.rowOf(known.id), topics.find(name)]).toEqual([NO_ROW, NO_ROW]);
      } else {
        expect(topics.append(Uint32Array.of(known.id, 2, 10), 1, step, [], KINDS)).toBe(true);
        known.count += 2;
      }
    }
    expect(topics.size).toBe(model.size);
    const stored: string[] = [];
    for (let row = 0; row < topics.rowsEnd; row += 1) if (topics.isStored(row)) stored.push(topics.nameOf(row));
    expect(stored.sort()).toEqual([...model.keys()].sort());
    expect(topics.rowsEnd).toBeLessThan(4_000);
  });

  it('shows a staged topic to later requests alone, and forgets it when its frame was not written', () => {
    const topics = table();
    const row = topics.stage('a');
    expect([topics.find('a'), topics.findStored('a'), topics.isStored(row), topics.size]).toEqual([
      row,
      NO_ROW,
      false,
      1,
    ]);
    topics.unstage([topics.idOf(row)]);
    expect([topics.find('a'), topics.size]).toEqual([NO_ROW, 0]);
    const again = topics.stage('a');
    const id = topics.idOf(again);
    expect(id).toBe(2);
    expect(topics.create(id + 1, 'a')).toBe(false);
    expect(topics.create(id, 'a')).toBe(true);
    expect(topics.create(id, 'a')).toBe(false);
    expect([topics.findStored('a'), topics.size]).toEqual([again, 1]);
  });

  it('gives each incarnation of a name another text, which states topic and log', () => {
    const topics = table();
    expect(topics.create(1, 'a')).toBe(true);
    const first = topics.incarnationOf(topics.find('a'));
    topics.remove(topics.find('a'));
    expect(topics.create(2, 'a')).toBe(true);
    expect([first, topics.incarnationOf(topics.find('a'))]).toEqual([
      '000000010102030405060708090a0b0c',
      '000000020102030405060708090a0b0c',
    ]);
  });

  it('refuses an id that was used, and rows of a topic that is not there', () => {
    const topics = table();
    expect([topics.create(5, 'a'), topics.create(5, 'b'), topics.create(4, 'b')]).toEqual([true, false, false]);
    expect(topics.append(Uint32Array.of(4, 1, 1), 1, 0, [], KINDS)).toBe(false);
  });
});
