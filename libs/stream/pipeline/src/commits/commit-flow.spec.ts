import { describe, expect, it } from '@jest/globals';
import { tenantColumns, type OutputCommit } from '@pulses/connector-api';
import { createSimClock, settle } from '@pulses/testing-sim';
import { CommitFlow } from './commit-flow';
import { HeldCommits } from '../testing/held-commits';

const SUMS = tenantColumns([{ tenant: 'a', recordCount: 1, payload: Buffer.from('sum\n') }]);

const commit = (offset: number): OutputCommit => ({
  grouped: undefined,
  aggregated: undefined,
  deadLetters: undefined,
  positions: new Map([['grouped', { offset, metadata: '' }]]),
});

function start(underWayMax = 2) {
  const clock = createSimClock();
  const commits = new HeldCommits();
  const seconds: number[] = [];
  const flow = new CommitFlow({ session: commits.session, clock, underWayMax, stored: (took) => seconds.push(took) });
  const settled: string[] = [];
  const send = (offset: number): Promise<void> =>
    flow.send(commit(offset), (isStored) => settled.push(`${offset} ${isStored ? 'stored' : 'unknown'}`));
  return { clock, commits, seconds, flow, settled, send };
}

describe('commits under way', () => {
  it('are sent in the order of the calls, at most as many at a time as allowed', async () => {
    const { commits, flow, send } = start();
    const sent = [0, 1, 2, 3].map((offset) => send(offset));
    await settle();
    expect(commits.underWay).toBe(2);
    for (let answers = 0; answers < 4; answers += 1) await commits.answer();
    await Promise.all(sent);
    expect(commits.sent.map(({ positions }) => positions.get('grouped')?.offset)).toEqual([0, 1, 2, 3]);
    expect(flow.isIdle).toBe(true);
  });

  it('make room and are drained as they settle', async () => {
    const { commits, flow, send } = start();
    await send(0);
    await flow.roomForSums();
    await send(1);
    const reached: string[] = [];
    void flow.roomForSums().then(() => reached.push('room'));
    void flow.drain().then(() => reached.push('drained'));
    await settle();
    expect(reached).toEqual([]);
    await commits.answer();
    expect(reached).toEqual(['room']);
    await commits.answer();
    expect(reached).toEqual(['room', 'drained']);
  });

  it.each([
    [1, 1],
    [2, 1],
    [4, 3],
  ])('leave room for lines: of %i, at most %i are sums', async (underWayMax, sumsMax) => {
    const { commits, flow } = start(underWayMax);
    for (let sent = 0; sent < sumsMax; sent += 1) {
      await flow.roomForSums();
      await flow.send({ ...commit(sent), aggregated: SUMS }, () => undefined);
    }
    let hasRoom = false;
    void flow.roomForSums().then(() => (hasRoom = true));
    await settle();
    expect([flow.hasRoom, hasRoom]).toEqual([sumsMax < underWayMax, false]);
    await commits.answer();
    expect(hasRoom).toBe(true);
  });

  it('tell how long each took', async () => {
    const { clock, commits, seconds, send } = start();
    await send(0);
    await clock.advance(250);
    await commits.answer();
    expect(seconds).toEqual([0.25]);
  });

  it('end with the first failure: later calls reject with it, and nothing more is sent', async () => {
    const { commits, flow, settled, send } = start();
    const failure = new Error('the first');
    await send(0);
    await send(1);
    const waiting = send(2).catch((error: unknown) => error);
    await commits.answer(failure);
    await commits.answer(new Error('the second'));
    expect(await waiting).toBe(failure);
    await expect(send(3)).rejects.toBe(failure);
    await expect(flow.roomForSums()).rejects.toBe(failure);
    await expect(flow.drain()).rejects.toBe(failure);
    expect(commits.sent).toHaveLength(2);
    expect(settled).toEqual(['0 unknown', '1 unknown']);
  });
});
