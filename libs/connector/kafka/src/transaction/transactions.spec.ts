import { describe, expect, it } from '@jest/globals';
import { PulsesError } from '@pulses/shared-errors';
import { createSimRandom } from '@pulses/testing-sim';
import fc from 'fast-check';
import { SimTransactions } from '../testing/sim-transactions';
import { advance, type TransactionState } from './transaction-state';
import { Transactions, type TransactionWork } from './transactions';

const LOST = new PulsesError('CONNECTION_LOST', 'gone');
const PRODUCER = { producerId: 1n, epoch: 0 };

/** Work that says in its one batch which offsets it covers. */
function work(from: number, to: number): TransactionWork {
  const records = Array.from({ length: to - from }, (_, index) => `${from + index}`);
  // Two rounds, so that the second one's numbers follow the first one's.
  const rounds = [records.slice(0, 1), records.slice(1)].filter((round) => round.length > 0);
  return {
    batches: (number) =>
      rounds.map((round) => {
        const { sequence } = number('t', 0, round.length);
        return [{ topic: 't', partition: 0, batch: Buffer.from(JSON.stringify({ sequence, records: round })) }];
      }),
    offsets: [{ group: 'g', offsets: [{ topic: 's', partition: 0, offset: to, metadata: '' }] }],
  };
}

describe('the state of transactions', () => {
  const open: TransactionState = { kind: 'open', producer: PRODUCER, sequences: new Map([['t/0', 7]]) };

  it.each([
    [{ kind: 'unidentified' }, 'none'],
    [{ ...open, kind: 'idle' }, 'none'],
    [open, 'undone'],
    [{ ...open, kind: 'ending' }, 'unknown'],
  ] as [TransactionState, string][])('%j tells what a failure means', (state, outcome) => {
    expect(advance(state, { kind: 'failed', error: LOST })).toEqual({ kind: 'over', error: LOST, outcome });
  });

  it('keeps the first failure', () => {
    const over = advance(open, { kind: 'failed', error: LOST });
    expect(advance(over, { kind: 'failed', error: new PulsesError('FENCED') })).toBe(over);
    expect(() => advance(over, { kind: 'begun' })).toThrow(TypeError);
  });

  it('starts the numbers again with a new epoch, and continues them in the same one', () => {
    const ending: TransactionState = { ...open, kind: 'ending' };
    expect(advance(ending, { kind: 'ended', producer: PRODUCER })).toMatchObject({ sequences: new Map([['t/0', 7]]) });
    expect(advance(ending, { kind: 'ended', producer: { producerId: 1n, epoch: 1 } })).toMatchObject({
      sequences: new Map(),
    });
  });

  it('starts the numbers again after the largest one', () => {
    const late: TransactionState = { ...open, sequences: new Map([['t/0', 2 ** 31 - 2]]) };
    const next = advance(late, { kind: 'numbered', partition: 't/0', recordCount: 3 });
    expect(next).toMatchObject({ sequences: new Map([['t/0', 1]]) });
  });

  it('refuses what does not come next', () => {
    expect(() => advance(open, { kind: 'begun' })).toThrow('a transaction is open and cannot be begun');
    expect(() => advance({ kind: 'unidentified' }, { kind: 'stored' })).toThrow(TypeError);
  });
});

describe('transactions', () => {
  it('commit each piece of work exactly once, over a bad network, with zombies and crashes', async () => {
    let [fenced, unknown, undone] = [0, 0, 0];
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const random = createSimRandom(seed);
        const fraction = () => random.fraction();
        const system = new SimTransactions(fraction);
        const messageCount = 60;
        const zombies: { readonly transactions: Transactions; readonly at: number }[] = [];
        for (let rounds = 0; system.position < messageCount && rounds < 10_000; rounds += 1) {
          const transactions = new Transactions(system.requests());
          try {
            await transactions.start();
            // As the next holder: what was prepared is decided, so the position is final.
            let position = system.position;
            while (position < messageCount) {
              const zombie = fraction() < 0.1 ? zombies.shift() : undefined;
              const next = Math.min(messageCount, position + 1 + Math.floor(fraction() * 5));
              const crash = fraction() < 0.05;
              const running = transactions.run(work(position, next));
              if (zombie !== undefined)
                await zombie.transactions.run(work(zombie.at, zombie.at + 2)).catch(() => undefined);
              if (crash) {
                running.catch(() => undefined);
                zombies.push({ transactions, at: position });
                break;
              }
              await running;
              position = next;
              if (fraction() < 0.05) {
                zombies.push({ transactions, at: position });
                break;
              }
            }
          } catch (error) {
            expect(error).toBeInstanceOf(PulsesError);
            if (transactions.state.kind !== 'over') throw error;
            if (transactions.state.outcome === 'unknown') unknown += 1;
            if (transactions.state.outcome === 'undone') undone += 1;
          }
        }
        expect(system.committed).toEqual(Array.from({ length: messageCount }, (_, index) => `${index}`));
        fenced += system.fencedCount;
      }),
      { numRuns: 200 },
    );
    // Each hard case has been there.
    expect([fenced, unknown, undone].every((count) => count > 10)).toBe(true);
  });

  it('abort what was not asked to end, and send nothing after a failure', async () => {
    const sent: string[] = [];
    const transactions = new Transactions({
      identify: () => Promise.resolve(PRODUCER),
      produce: () => Promise.reject(new PulsesError('MESSAGE_TOO_LARGE', 'a batch was refused')),
      commitOffsets: () => {
        sent.push('offsets');
        return Promise.resolve();
      },
      end: (_producer, isCommit) => {
        sent.push(isCommit ? 'commit' : 'abort');
        return Promise.resolve(PRODUCER);
      },
    });
    await transactions.start();
    await expect(transactions.run(work(0, 3))).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    await expect(transactions.run(work(0, 3))).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    expect(sent).toEqual(['offsets', 'abort']);
  });

  it('abort an open transaction when they are closed, and leave one that is ending to the next holder', async () => {
    const sent: string[] = [];
    const holds = Promise.withResolvers<undefined>();
    const make = (held: 'produce' | 'end') =>
      new Transactions({
        identify: () => Promise.resolve(PRODUCER),
        produce: () => (held === 'produce' ? holds.promise : Promise.resolve()),
        commitOffsets: () => Promise.resolve(),
        end: async (_producer, isCommit) => {
          sent.push(isCommit ? 'commit' : 'abort');
          if (isCommit && held === 'end') await holds.promise;
          return PRODUCER;
        },
      });
    for (const held of ['produce', 'end'] as const) {
      const transactions = make(held);
      await transactions.start();
      const running = transactions.run(work(0, 1));
      const failed = expect(running).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
      while (held === 'end' && transactions.state.kind !== 'ending') await Promise.resolve();
      await transactions.close();
      sent.push('closed');
      if (held === 'produce') holds.resolve(undefined);
      await failed;
    }
    expect(sent).toEqual(['abort', 'closed', 'commit', 'closed']);
  });
});
