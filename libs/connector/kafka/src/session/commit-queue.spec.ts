import { describe, expect, it } from '@jest/globals';
import { tenantColumns, type OutputCommit } from '@pulses/connector-api';
import { readRecordsBatch, Reader } from '@platformatic/kafka';
import { OutputTopics } from '../output/output-buffer';
import { CommitQueue, type CommitGroup } from './commit-queue';

function topics(): OutputTopics {
  const topic = (name: string) => ({ name, topicId: '', partitions: [{ partition: 0, leader: 1 }] });
  return new OutputTopics({ grouped: topic('g'), aggregated: topic('a'), deadLetter: topic('d') }, 0);
}

const commitOf = (line: string): OutputCommit => ({
  grouped: tenantColumns([{ tenant: 't', recordCount: 1, payload: Buffer.from(`${line}\n`) }]),
  aggregated: undefined,
  deadLetters: undefined,
  positions: new Map([['grouped', { offset: Number(line), metadata: line }]]),
});

const linesOf = ({ outputs }: CommitGroup): string[] =>
  outputs
    .rounds('none', 0, () => ({ producerId: 1n, epoch: 0, sequence: 0 }))
    .flat()
    .flatMap(({ batch }) => readRecordsBatch(Reader.from(batch)).records.map(({ value }) => String(value)));

describe('the queue of commits', () => {
  it('makes one transaction of those that arrive during another, in order, with the newest position', async () => {
    const stored: string[][] = [];
    const positions: (number | undefined)[] = [];
    const holds = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const queue = new CommitQueue(topics(), async (group) => {
      positions.push(group.positions.get('grouped')?.offset);
      await holds[stored.length]?.promise;
      // The bytes are those of the call, also after later ones.
      stored.push(linesOf(group));
    });
    const first = queue.add(commitOf('1'));
    await Promise.resolve();
    await Promise.resolve();
    const later = ['2', '3', '4'].map((line) => queue.add(commitOf(line)));
    holds[0]?.resolve();
    await first;
    const last = queue.add(commitOf('5'));
    holds[1]?.resolve();
    await Promise.all(later);
    holds[2]?.resolve();
    await last;
    expect(stored).toEqual([['1'], ['2', '3', '4'], ['5']]);
    expect(positions).toEqual([1, 4, 5]);
  });

  it('refuses everything after the first failure, and stores nothing more', async () => {
    let calls = 0;
    const failure = new Error('refused');
    const queue = new CommitQueue(topics(), () => {
      calls += 1;
      return Promise.reject(failure);
    });
    const first = queue.add(commitOf('1'));
    await Promise.resolve();
    await Promise.resolve();
    const results = await Promise.allSettled([first, queue.add(commitOf('2'))]);
    expect(results.map((result) => result.status === 'rejected' && (result.reason as unknown))).toEqual([
      failure,
      failure,
    ]);
    await expect(queue.add(commitOf('3'))).rejects.toBe(failure);
    expect(calls).toBe(1);
  });
});
