import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createKeyFields, KEY_FIELDS_BYTES_MAX, type KeyFields } from './key-fields';
import { LABEL_BYTES_MAX } from './limits';

type Key = readonly [tenant: string, sku: string, unit: string];

/** Adds a key from a text that holds its parts separated and out of order, like a pulse's line. */
function add(keyFields: KeyFields, [tenant, sku, unit]: Key): void {
  const [t, s, u] = [tenant, sku, unit].map((part) => Buffer.from(part)) as [Buffer, Buffer, Buffer];
  const text = Buffer.concat([u, Buffer.from(':'), t, Buffer.from(','), s]);
  const tenantAt = u.length + 1;
  const skuAt = tenantAt + t.length + 1;
  keyFields.add(text, tenantAt, tenantAt + t.length, skuAt, skuAt + s.length, 0, u.length);
}

const textOf = ([tenant_id, product_sku, use_unit]: Key): string =>
  JSON.stringify({ tenant_id, product_sku, use_unit }).slice(1, -1);

/** The output of `write`, checked against `lengthOf` and for writes beyond it. */
function fieldsOf(keyFields: KeyFields, id: number): string {
  const length = keyFields.lengthOf(id);
  const out = Buffer.alloc(length + 2, '#');
  expect(keyFields.write(id, out, 1)).toBe(1 + length);
  const text = out.toString('utf8');
  expect([text.at(0), text.at(-1)]).toEqual(['#', '#']);
  return text.slice(1, -1);
}

describe('key fields', () => {
  it('are the members of a JSON object, by id in order of addition', () => {
    const label = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).filter((text) => text.isWellFormed());
    fc.assert(
      fc.property(fc.array(fc.tuple(label, label, label), { maxLength: 50 }), (keys) => {
        const keyFields = createKeyFields();
        for (const key of keys) add(keyFields, key);
        expect(keyFields.size).toBe(keys.length);
        expect(keys.map((_, id) => fieldsOf(keyFields, id))).toEqual(keys.map(textOf));
      }),
    );
  });

  it('keep their value over many pages, also where one does not fit into the rest of a page', () => {
    const keyFields = createKeyFields();
    // From 45 bytes to the maximum, so that pages end at any position.
    const keyOf = (id: number): Key => [
      '"'.repeat(1 + ((id * 7) % LABEL_BYTES_MAX)),
      `${id}`,
      '\\'.repeat(1 + (id % LABEL_BYTES_MAX)),
    ];
    const count = 10_000;
    for (let id = 0; id < count; id += 1) add(keyFields, keyOf(id));
    for (let id = 0; id < count; id += 1)
      if (fieldsOf(keyFields, id) !== textOf(keyOf(id))) throw new Error(`key ${id} differs`);
  });

  it('take KEY_FIELDS_BYTES_MAX for the longest labels with every byte escaped', () => {
    const keyFields = createKeyFields();
    const label = '"'.repeat(LABEL_BYTES_MAX);
    add(keyFields, [label, label, label]);
    expect(keyFields.lengthOf(0)).toBe(KEY_FIELDS_BYTES_MAX);
  });
});
