import { describe, expect, it } from '@jest/globals';
import { appendsOf, NEW_TOPIC_ID, payloadOf } from '@pulses/broker-wire';
import type { OutputCommit, TenantColumns } from '@pulses/connector-api';
import { OutputTopics } from './output-topics';

const NOTHING: OutputCommit = {
  grouped: undefined,
  aggregated: undefined,
  deadLetters: undefined,
  positions: new Map(),
};

/** A line for each tenant, which says its name. */
function linesFor(tenants: readonly string[], ...indexes: readonly number[]): TenantColumns {
  const texts = indexes.map((index) => `${tenants[index] ?? ''}\n`);
  return {
    tenants,
    indexes: Uint32Array.from(indexes),
    counts: new Uint32Array(indexes.length).fill(1),
    lengths: Uint32Array.from(texts, (text) => text.length),
    payload: Buffer.from(texts.join('')),
  };
}

const grouped = (tenant: string): string => `tenants.${tenant}.grouped.pulses`;

describe('the output topics of a session', () => {
  it('are named until the broker has told their ids, and have no name after that', () => {
    const outputs = new OutputTopics('s');
    const tenants = ['a', 'b'];
    const commit = { ...NOTHING, grouped: linesFor(tenants, 1, 0) };
    const first = outputs.columnsOf(commit);
    const second = outputs.columnsOf(commit);
    for (const { columns } of [first, second]) {
      expect(columns.newTopics).toEqual([grouped('b'), grouped('a')]);
      expect([...columns.topicIds]).toEqual([NEW_TOPIC_ID, NEW_TOPIC_ID + 1]);
    }
    first.learn(Uint32Array.of(8, 7));
    tenants.push('c');
    const { columns } = outputs.columnsOf({ ...NOTHING, grouped: linesFor(tenants, 0, 2, 1) });
    expect(columns.newTopics).toEqual([grouped('c')]);
    expect([...columns.topicIds]).toEqual([7, NEW_TOPIC_ID, 8]);
  });

  it('are those of each kind, in one payload with one checksum', () => {
    const outputs = new OutputTopics('s');
    const commit = {
      ...NOTHING,
      grouped: linesFor(['a', 'b'], 0, 1),
      aggregated: linesFor(['b'], 0),
      deadLetters: { recordCount: 2, payload: Buffer.from('x\ny\n') },
    };
    const { columns, learn } = outputs.columnsOf(commit);
    expect(appendsOf(columns, () => undefined)).toMatchObject([
      { topic: grouped('a'), recordCount: 1, payload: Buffer.from('a\n') },
      { topic: grouped('b'), recordCount: 1, payload: Buffer.from('b\n') },
      { topic: 'tenants.b.aggregated.pulses.amount', recordCount: 1, payload: Buffer.from('b\n') },
      { topic: 's.dead-letter', recordCount: 2, payload: Buffer.from('x\ny\n') },
    ]);
    expect(columns.payloadCrc).toBe(payloadOf(columns.payload).payloadCrc);
    learn(Uint32Array.of(1, 2, 3, 4));
    expect([...outputs.columnsOf(commit).columns.topicIds]).toEqual([1, 2, 3, 4]);
  });

  it('take the bytes of one kind as they are', () => {
    const lines = linesFor(['a'], 0);
    expect(new OutputTopics('s').columnsOf({ ...NOTHING, aggregated: lines }).columns.payload).toBe(lines.payload);
    expect(new OutputTopics('s').columnsOf(NOTHING).columns).toMatchObject({ newTopics: [], payload: { length: 0 } });
  });

  it('keep no id of another list of tenants, also when an answer comes late', () => {
    const outputs = new OutputTopics('s');
    const late = outputs.columnsOf({ ...NOTHING, grouped: linesFor(['a', 'b'], 0, 1) });
    const next = { ...NOTHING, grouped: linesFor(['b', 'a'], 0) };
    outputs.columnsOf(next);
    late.learn(Uint32Array.of(1, 2));
    expect(outputs.columnsOf(next).columns.newTopics).toEqual([grouped('b')]);
    outputs.columnsOf(next).learn(Uint32Array.of(2));
    expect([...outputs.columnsOf(next).columns.topicIds]).toEqual([2]);
  });

  it('may be very many', () => {
    const outputs = new OutputTopics('s');
    const tenants = Array.from({ length: 5_000 }, (_, index) => `t${index}`);
    const commit = { ...NOTHING, grouped: linesFor(tenants, ...tenants.keys()) };
    outputs.columnsOf(commit).learn(Uint32Array.from(tenants.keys()));
    const { newTopics, topicIds } = outputs.columnsOf(commit).columns;
    expect([newTopics.length, topicIds[0], topicIds.at(-1)]).toEqual([0, 0, 4_999]);
  });
});
