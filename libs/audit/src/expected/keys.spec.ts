import { describe, expect, it } from '@jest/globals';
import { PulseFields } from './pulse-parser.fast';
import { keyBytes, Keys, labelsOf } from './keys';
import { createMessage } from './message-parser';

function fieldsOf(labels: readonly string[]): PulseFields {
  const [tenant = 0, sku = 0, unit = 0] = labels.map((label) => Buffer.byteLength(label));
  const [tenantStart, skuStart, unitStart] = [3, 3 + tenant, 3 + tenant + sku];
  return Object.assign(new PulseFields(), {
    text: Buffer.from(`...${labels.join('')}...`),
    tenantStart,
    tenantEnd: skuStart,
    skuStart,
    skuEnd: unitStart,
    unitStart,
    unitEnd: unitStart + unit,
  });
}

const idOf = (keys: Keys, labels: readonly string[]) => keys.idOf(keys.entryOf(fieldsOf(labels)));

const createKeys = () => new Keys(42, (tenant) => tenant.byteLength);

describe('the keys of a source', () => {
  it('are told apart by where one label ends and the next begins', () => {
    const keys = createKeys();
    const all = [
      ['a', 'b', 'c'],
      ['ab', 'c', 'd'],
      ['a', 'bc', 'd'],
      ['a', 'b', 'cd'],
      ['ü', 'b', 'c'],
      ['b', 'a', 'c'],
    ];
    const entries = all.map((labels) => keys.entryOf(fieldsOf(labels)));
    expect(entries.map((entry) => keys.idOf(entry))).toEqual([0, 1, 2, 3, 4, 5]);
    expect(all.map((labels) => keys.entryOf(fieldsOf(labels)))).toEqual(entries);
    expect(all.map((_, id) => keys.entryAt(id))).toEqual(entries);
    expect(entries.map((entry) => keys.tenantOf(entry))).toEqual([1, 2, 1, 1, 2, 1]);
    expect(entries.map((entry) => labelsOf(keys.labelBytesOf(entry)).map(String))).toEqual(all);
    expect(keys.labelBytesOf(keys.entryAt(1))).toEqual(keyBytes(['ab', 'c', 'd'].map((label) => Buffer.from(label))));
    keys.clear();
    expect(keys.count).toBe(0);
    expect(idOf(keys, ['z', 'b', 'c'])).toBe(0);
  });

  it('are found by the hashes that were worked out ahead, known keys and new ones', () => {
    const keys = createKeys();
    const messages = [
      ['a', 'b', 'c'],
      ['ab', 'c', 'd'],
      ['a', 'b', 'c'],
    ].map((labels) => ({ ...createMessage(), pulse: fieldsOf(labels) }));
    const [hashes, likelyIds] = [new Int32Array(3), new Int32Array(3)];
    const ids = () => messages.map(({ pulse }, index) => keys.idOf(keys.entryOf(pulse, hashes[index])));
    keys.load(messages, 3, hashes, likelyIds);
    expect([...likelyIds]).toEqual([0, 0, 0]);
    expect(ids()).toEqual([0, 1, 0]);
    keys.load(messages, 3, hashes, likelyIds);
    expect([...likelyIds]).toEqual([0, 1, 0]);
    expect(ids()).toEqual([0, 1, 0]);
    expect(messages.map(({ pulse }) => keys.idOf(keys.entryOf(pulse)))).toEqual([0, 1, 0]);
  });

  it('are told apart in hundreds of thousands, of which some have one hash', () => {
    const keys = createKeys();
    const count = 300_000;
    const idAt = numberedKeys(keys);
    for (let index = 0; index < count; index += 1) expectId(idAt(index), index);
    for (let index = 0; index < count; index += 997) expectId(idAt(index), index);
    expect(keys.count).toBe(count);
  });
});

/** The id of the n-th of many keys; the same fields and bytes are used for each. */
function numberedKeys(keys: Keys): (index: number) => number {
  const fields = fieldsOf(['', '', '']);
  const text = Buffer.alloc(32);
  fields.text = text;
  fields.tenantStart = 0;
  return (index) => {
    fields.tenantEnd = fields.skuStart = text.write(`t${index % 1000}`);
    fields.skuEnd = fields.unitStart = fields.skuStart + text.write(`s${index}`, fields.skuStart);
    fields.unitEnd = fields.unitStart + text.write('u', fields.unitStart);
    return keys.idOf(keys.entryOf(fields));
  };
}

/** As `expect` does, for very many. */
function expectId(id: number, expected: number): void {
  if (id !== expected) expect({ id }).toEqual({ id: expected });
}
