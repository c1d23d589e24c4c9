import { describe, expect, it } from '@jest/globals';
import { CompressionAlgorithms, createRecordsBatch, readRecordsBatch, Reader } from '@platformatic/kafka';
import fc from 'fast-check';
import { BatchWriter, type BatchProducer } from './batch-writer';
import { decompress, type Compression } from './compression';
import { batchEnd, readBatch } from './record-batch';
import { RecordCursor } from './record-cursor';

const NOW_MS = 1_700_000_000_123;
const PRODUCER: BatchProducer = { producerId: 0x0102030405060708n, epoch: 3, sequence: 40, isTransactional: true };

interface PlainRecord {
  readonly key: string | undefined;
  readonly value: string | undefined;
}

function batchOf(records: readonly (readonly [key: string, value: string])[], compression: Compression = 'none') {
  const writer = new BatchWriter(1 << 20);
  for (const [key, value] of records) {
    const source = Buffer.from(`<${value}>`);
    writer.append(Buffer.from(key), source, 1, source.length - 1);
  }
  return writer.finish({ compression, timestampMs: NOW_MS, producer: PRODUCER });
}

function read(batch: Buffer, from = 0): PlainRecord[] {
  const end = batchEnd(batch, from) ?? fail('the batch is cut');
  const header = readBatch(batch, from, end, 'topic/0');
  const bytes = decompress(header.codec, header.records, 'topic/0');
  const cursor = new RecordCursor(bytes, header.recordCount, 'topic/0');
  const records: PlainRecord[] = [];
  const text = (start: number, length: number) =>
    length < 0 ? undefined : bytes.subarray(start, start + length).toString();
  while (cursor.next()) {
    expect(cursor.offsetDelta).toBe(records.length);
    records.push({
      key: text(cursor.keyStart, cursor.keyLength),
      value: text(cursor.valueStart, cursor.valueLength),
    });
  }
  return records;
}

function fail(text: string): never {
  throw new Error(text);
}

describe('a record batch', () => {
  it('has the bytes of the format', () => {
    expect(batchOf([['k', 'value']]).toString('hex')).toBe(
      [
        '0000000000000000', // base offset
        '0000003e', // length
        'ffffffff02', // leader epoch, magic
        batchOf([['k', 'value']])
          .subarray(17, 21)
          .toString('hex'),
        '0010', // transactional
        '00000000', // last offset delta
        '0000018bcfe5687b0000018bcfe5687b', // times
        '010203040506070800030000002800000001', // producer, epoch, sequence, count
        '1800000002', // length 12, attributes, deltas, key length
        Buffer.from('k').toString('hex'),
        '0a',
        Buffer.from('value').toString('hex'),
        '00',
      ].join(''),
    );
  });

  it.each(['none', 'lz4', 'zstd'] as const)('is read by another implementation, packed by %s', (compression) => {
    const texts = Array.from({ length: 300 }, (_, index): [string, string] => [
      `key-${index % 7}`,
      `v${index}`.repeat(index),
    ]);
    const { records, ...header } = readRecordsBatch(Reader.from(batchOf(texts, compression)));
    expect(header).toMatchObject({ magic: 2, lastOffsetDelta: 299, producerId: PRODUCER.producerId, producerEpoch: 3 });
    expect(header).toMatchObject({ firstSequence: 40, firstTimestamp: BigInt(NOW_MS), maxTimestamp: BigInt(NOW_MS) });
    expect(records.map(({ key, value }) => [String(key), String(value)])).toEqual(texts);
  });

  it.each(Object.values(CompressionAlgorithms))('of another implementation is read, packed by %s', (compression) => {
    const messages = Array.from({ length: 100 }, (_, index) => ({
      topic: 't',
      ...(index % 3 === 0 ? {} : { key: Buffer.from(`k${index}`) }),
      value: Buffer.from(`{"n":${index}}`),
      timestamp: BigInt(NOW_MS + index * 1_000_000),
      headers: new Map([[Buffer.from('h'), Buffer.from(`${index}`)]]),
    }));
    const batch = createRecordsBatch(messages, { compression }).buffer;
    expect(read(batch)).toEqual(messages.map(({ key, value }) => ({ key: key?.toString(), value: value.toString() })));
  });

  it('keeps any bytes of keys and values', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 400 });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 40 }),
        fc.constantFrom('none' as const, 'lz4' as const, 'zstd' as const),
        (records, compression) => {
          expect(read(batchOf(records, compression))).toEqual(records.map(([key, value]) => ({ key, value })));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('that is damaged anywhere is refused, by its CRC or as cut short', () => {
    const batch = batchOf([
      ['a', 'one'],
      ['b', 'two'],
    ]);
    fc.assert(
      fc.property(fc.integer({ min: 8, max: batch.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
        // The leader's epoch is set by each leader, and not covered.
        fc.pre(at < 12 || at > 15);
        const damaged = Buffer.from(batch);
        damaged[at] = damaged[at]! ^ change; // below the end
        let records: PlainRecord[] | undefined;
        try {
          if (batchEnd(damaged, 0) === damaged.length) records = read(damaged);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^(PROTOCOL_VIOLATION|VERSION_UNSUPPORTED)$/) });
        }
        expect(records).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  it('never makes its reader leave the bytes, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 0, max: 20 }), (bytes, count) => {
        const cursor = new RecordCursor(Buffer.from(bytes), count, 'random');
        try {
          while (cursor.next()) {
            expect(cursor.valueStart + Math.max(0, cursor.valueLength)).toBeLessThanOrEqual(bytes.length);
            expect(cursor.keyStart + Math.max(0, cursor.keyLength)).toBeLessThanOrEqual(bytes.length);
            cursor.hasHeader(Buffer.from('h'));
          }
        } catch (error) {
          expect(error).toMatchObject({ code: 'PROTOCOL_VIOLATION' });
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('that a fetch has cut is not read', () => {
    const batch = batchOf([['a', 'one']]);
    for (let length = 0; length < batch.length; length += 1)
      expect(batchEnd(batch.subarray(0, length), 0)).toBeUndefined();
    expect(batchEnd(batch, 0)).toBe(batch.length);
  });

  it('of an unknown codec or an old format is refused by name', () => {
    expect(() => decompress(5, Buffer.alloc(1), 'topic/0: the batch at offset 7')).toThrow(
      'topic/0: the batch at offset 7 is compressed by codec 5, which this version does not know',
    );
    expect(() => decompress(4, Buffer.from('no zstd'), 'b')).toThrow('b does not unpack');
    const old = batchOf([['a', 'one']]);
    old[16] = 1;
    expect(() => readBatch(old, 0, old.length, 'topic/0')).toThrow('has the format 1; only 2 is supported');
  });

  it('tells a record that a header marks', () => {
    const writer = new BatchWriter(1 << 20);
    writer.appendMark(Buffer.from('pulses-tick'));
    const batch = writer.finish({ compression: 'none', timestampMs: NOW_MS, producer: undefined });
    const header = readBatch(batch, 0, batch.length, 't');
    expect(header).toMatchObject({ isTransactional: false, producerId: -1n, recordCount: 1 });
    const cursor = new RecordCursor(header.records, 1, 't');
    expect(cursor.next()).toBe(true);
    expect([cursor.keyLength, cursor.valueLength, cursor.hasHeader(Buffer.from('pulses-tick'))]).toEqual([-1, 0, true]);
    expect(cursor.hasHeader(Buffer.from('pulses'))).toBe(false);
    expect(cursor.next()).toBe(false);
  });

  it('ends before its limit, and takes a single record of any size', () => {
    const writer = new BatchWriter(1_000);
    const line = Buffer.alloc(5_000, 'x');
    expect(writer.hasRoomFor(1, 5_000)).toBe(true);
    writer.append(Buffer.from('k'), line, 0, 5_000);
    expect(writer.hasRoomFor(1, 1)).toBe(false);
    const batch = writer.finish({ compression: 'none', timestampMs: 0, producer: undefined });
    expect(read(batch)[0]?.value).toHaveLength(5_000);
    writer.reset();
    let count = 0;
    for (; writer.hasRoomFor(1, 100); count += 1) writer.append(Buffer.from('k'), line, 0, 100);
    expect(writer.finish({ compression: 'none', timestampMs: 0, producer: undefined }).length).toBeLessThanOrEqual(
      1_000,
    );
    expect(count).toBeGreaterThan(6);
  });
});
