import { describe, expect, it } from '@jest/globals';
import type { Cluster } from '../protocol/cluster';
import type { FetchAnswer } from '../protocol/fetch';
import { BatchWriter } from '../records/batch-writer';
import { PartitionReader } from './partition-reader';

/** A batch of `count` messages; `producerId` makes it transactional. */
function batchOf(baseOffset: number, count: number, producerId?: bigint): Buffer {
  const writer = new BatchWriter(1 << 20);
  for (let index = 0; index < count; index += 1) writer.append(undefined, Buffer.from('x'), 0, 1);
  const producer = producerId === undefined ? undefined : { producerId, epoch: 0, sequence: 0, isTransactional: true };
  const batch = writer.finish({ compression: 'none', timestampMs: 0, producer });
  batch.writeBigInt64BE(BigInt(baseOffset), 0);
  return batch;
}

/** A reader of a partition that answers its fetches one after another, and the offsets that they asked for. */
function readerOf(answers: readonly (Partial<FetchAnswer> & { readonly batches: Buffer })[], fromOffset = 0) {
  const rest = [...answers];
  const closing = new AbortController();
  const cluster: Partial<Cluster> = {
    toLeader: <Answer>() => {
      const answer = rest.shift();
      if (answer === undefined) return new Promise<Answer>(() => undefined);
      return Promise.resolve({ lastStableOffset: 1_000, logStartOffset: 0, aborted: [], ...answer } as Answer);
    },
  };
  const reader = new PartitionReader({
    cluster: cluster as Cluster,
    topic: { name: 't', topicId: '' },
    partition: 0,
    bytesMax: 1,
    fromOffset,
    signal: closing.signal,
  });
  return {
    reader,
    left: () => rest.length,
    close: (reason: Error) => {
      closing.abort(reason);
    },
  };
}

async function offsetsOf(reader: PartitionReader, count: number): Promise<(number | string)[]> {
  const steps: (number | string)[] = [];
  for (let index = 0; index < count; index += 1) {
    const step = await reader.next();
    steps.push(step.kind === 'batch' ? step.batch.baseOffset : `end ${step.nextOffset}`);
  }
  return steps;
}

describe('the reader of a partition', () => {
  it('gives whole batches in order, and asks again for one that was cut', async () => {
    const [first, second] = [batchOf(0, 5), batchOf(5, 5)];
    const { reader } = readerOf([
      { batches: Buffer.concat([first, second.subarray(0, 70)]) },
      { batches: second, lastStableOffset: 10 },
    ]);
    expect(await offsetsOf(reader, 3)).toEqual([0, 5, 'end 10']);
  });

  it('hides what was aborted, over several answers, and passes its offsets', async () => {
    const aborted = [{ producerId: 7n, firstOffset: 0 }];
    const { reader } = readerOf([
      { batches: Buffer.concat([batchOf(0, 5, 7n), batchOf(5, 2)]), aborted },
      { batches: Buffer.concat([batchOf(7, 5, 7n), batchOf(12, 1, 8n)]), aborted, lastStableOffset: 13 },
    ]);
    expect(await offsetsOf(reader, 3)).toEqual([5, 12, 'end 13']);
  });

  it('fetches one answer ahead, and no more', async () => {
    const { reader, left } = readerOf([0, 1, 2, 3].map((offset) => ({ batches: batchOf(offset, 1) })));
    await reader.next();
    expect(left()).toBe(2);
    await reader.next();
    expect(left()).toBe(1);
  });

  it('refuses an answer in which no batch is whole, and one that is damaged', async () => {
    const batch = batchOf(0, 5);
    await expect(readerOf([{ batches: batch.subarray(0, 30) }]).reader.next()).rejects.toThrow(
      't/0: no whole batch at offset 0',
    );
    await expect(readerOf([{ batches: batch }], 5).reader.next()).rejects.toThrow('t/0: no whole batch at offset 5');
    const damaged = Buffer.from(batch);
    damaged.writeUInt8(damaged.readUInt8(70) ^ 1, 70);
    await expect(readerOf([{ batches: damaged }]).reader.next()).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' });
  });

  it('ends with the reason that closes it', async () => {
    const { reader, close } = readerOf([{ batches: batchOf(0, 1) }]);
    const reason = new Error('closed');
    close(reason);
    await expect(reader.next()).rejects.toBe(reason);
  });
});
