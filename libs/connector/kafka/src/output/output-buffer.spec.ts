import { describe, expect, it } from '@jest/globals';
import { tenantColumns, type OutputCommit } from '@pulses/connector-api';
import { encodeTenant } from '@pulses/shared-pulse-model';
import { readRecordsBatch, Reader } from '@platformatic/kafka';
import fc from 'fast-check';
import type { ProducedBatch } from '../protocol/produce';
import { murmur2, partitionOf } from './murmur2';
import { OutputBuffer, OutputTopics } from './output-buffer';
import { tenantKey } from './tenant-keys';

const NOTHING: OutputCommit = {
  grouped: undefined,
  aggregated: undefined,
  deadLetters: undefined,
  positions: new Map(),
};

const linesOf = (...outputs: [tenant: string, ...lines: string[]][]) =>
  tenantColumns(
    outputs.map(([tenant, ...lines]) => ({
      tenant,
      recordCount: lines.length,
      payload: Buffer.from(lines.map((line) => `${line}\n`).join('')),
    })),
  );

function topicsOf(sourcePartition: number, grouped: number, deadLetters: number): OutputTopics {
  const topic = (name: string, count: number) => ({
    name,
    topicId: '',
    partitions: Array.from({ length: count }, (_, partition) => ({ partition, leader: 1 })),
  });
  const [aggregated, deadLetter] = [topic('tenants.aggregated.pulses.amount', 1), topic('s.dead-letter', deadLetters)];
  return new OutputTopics(
    { grouped: topic('tenants.grouped.pulses', grouped), aggregated, deadLetter },
    sourcePartition,
  );
}

function roundsOf(buffer: OutputBuffer): { rounds: readonly (readonly ProducedBatch[])[]; numbered: string[] } {
  const numbered: string[] = [];
  let sequence = 0;
  const rounds = buffer.rounds('none', 0, (topic, partition, recordCount) => {
    numbered.push(`${topic}/${partition}`);
    sequence += recordCount;
    return { producerId: 1n, epoch: 2, sequence: sequence - recordCount };
  });
  return { rounds, numbered };
}

function textsOf({ batch }: ProducedBatch): string[] {
  return readRecordsBatch(Reader.from(batch)).records.map(({ key, value }) => `${String(key)}=${String(value)}`);
}

describe('the partition of a key', () => {
  // From the tests of Kafka's own client.
  it.each([
    ['21', -973_932_308],
    ['foobar', -790_332_482],
    ['a-little-bit-long-string', -985_981_536],
    ['a-little-bit-longer-string', -1_486_304_829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58_897_971],
    ['abc', 479_470_107],
  ])('hashes %s as the Java client does', (text, hash) => {
    expect(murmur2(Buffer.from(text))).toBe(hash);
    expect(partitionOf(Buffer.from(text), 7)).toBe((hash & 0x7fffffff) % 7);
  });

  it('is that of the tenant id, whatever its bytes are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }), (tenant) => {
        const encoded = encodeTenant(Buffer.from(tenant));
        expect(tenantKey(encoded).toString()).toBe(encoded.startsWith('sha256=') ? encoded : tenant);
      }),
    );
    expect(tenantKey(encodeTenant(Buffer.alloc(250, 'ä'))).toString()).toMatch(/^sha256=[0-9a-f]{64}$/);
  });
});

describe('the outputs of a transaction', () => {
  it('are records of shared topics, in the order of the commits', () => {
    const buffer = new OutputBuffer(topicsOf(5, 1, 3));
    buffer.add({ ...NOTHING, grouped: linesOf(['a', 'g1', 'g2'], ['b%2Ec', 'g3']), aggregated: linesOf(['a', 's1']) });
    buffer.add({
      ...NOTHING,
      grouped: linesOf(['a', 'g4']),
      deadLetters: { recordCount: 2, payload: Buffer.from('d1\nd2\n') },
    });
    const { rounds, numbered } = roundsOf(buffer);
    expect(numbered).toEqual(['tenants.grouped.pulses/0', 'tenants.aggregated.pulses.amount/0', 's.dead-letter/2']);
    expect(rounds.map((round) => round.map(textsOf))).toEqual([
      [['a=g1', 'a=g2', 'b.c=g3', 'a=g4'], ['a=s1'], ['null=d1', 'null=d2']],
    ]);
  });

  it('of one tenant are in one partition, which another list of tenants does not change', () => {
    const topics = topicsOf(0, 50, 1);
    const partitionsOf = (...tenants: string[]) => {
      const buffer = new OutputBuffer(topics);
      buffer.add({ ...NOTHING, grouped: linesOf(...tenants.map((tenant): [string, string] => [tenant, 'x'])) });
      return new Map(
        roundsOf(buffer)
          .rounds.flat()
          .map((batch) => [textsOf(batch)[0]?.split('=')[0], batch.partition]),
      );
    };
    const first = partitionsOf('a', 'b', 'c');
    expect(first.get('b')).toBe(partitionOf(Buffer.from('b'), 50));
    const second = partitionsOf('c', 'b', 'a');
    for (const tenant of ['a', 'b', 'c']) expect(second.get(tenant)).toBe(first.get(tenant));
  });

  it('of many bytes are several batches of a partition, each in a round of its own', () => {
    const buffer = new OutputBuffer(topicsOf(0, 1, 1));
    const lines = Array.from({ length: 5_000 }, (_, index) => `${index}`.padEnd(1_000, '.'));
    buffer.add({ ...NOTHING, grouped: linesOf(['a', ...lines]) });
    const { rounds } = roundsOf(buffer);
    expect(rounds.length).toBe(6);
    expect(rounds.flat().every(({ batch }) => batch.length <= 1_048_588)).toBe(true);
    expect(rounds.flat().flatMap(textsOf)).toEqual(lines.map((line) => `a=${line}`));
  });
});
