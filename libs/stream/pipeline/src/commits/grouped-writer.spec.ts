import { describe, expect, it } from '@jest/globals';
import { tenantColumns, type OutputCommit, type Position } from '@pulses/connector-api';
import { createSimClock } from '@pulses/testing-sim';
import { CommitFlow } from './commit-flow';
import { GroupedWriter } from './grouped-writer';
import { COMMIT_BYTES_MIN } from '../options';
import { createDefinitionKernel } from '../kernel/definition-kernel';
import { kernelOptions, recordsOf, windowAt } from '../testing/filled-window';
import { HeldCommits } from '../testing/held-commits';
import { line } from '../testing/rig';

const INTERVAL_MS = 5;

/** A commit of a window's sums. */
const sums = (): OutputCommit => ({
  grouped: undefined,
  aggregated: tenantColumns([{ tenant: 'a', recordCount: 1, payload: Buffer.from('sum\n') }]),
  deadLetters: undefined,
  positions: new Map([['windowed', { offset: 1, metadata: '' }]]),
});

function start(underWayMax = 2, firstPositions: ReadonlyMap<string, Position> = new Map()) {
  const clock = createSimClock();
  const commits = new HeldCommits();
  const flow = new CommitFlow({ session: commits.session, clock, underWayMax, stored: () => undefined });
  const counts = { grouped: 0, deadLettered: 0 };
  const kernel = createDefinitionKernel(kernelOptions());
  const { batch } = kernel;
  const writer = new GroupedWriter({
    flow,
    clock,
    observer: { grouped: (count) => (counts.grouped += count), deadLettered: () => (counts.deadLettered += 1) },
    limits: { commitBytes: COMMIT_BYTES_MIN, commitIntervalMs: INTERVAL_MS },
    firstPositions,
    batch,
  });
  const window = windowAt(1_700_000_000_000);
  kernel.startWindow(window, 0);
  const add = (...lines: string[]): void => {
    kernel.take(recordsOf(kernel.nextOffset, window.startMs, lines), 0, window);
  };
  const flush = (): Promise<boolean> => writer.flush(window.tenants, kernel.nextOffset);
  return { clock, commits, flow, counts, writer, batch, add, flush };
}

describe('the writer of grouped lines', () => {
  it('sends lines, dead letters and the position behind them as one commit', async () => {
    const { commits, add, flush } = start();
    add(line('a', 's', 1), 'no pulse', line('b', 's', 2), line('a', 's', 3));
    expect(await flush()).toBe(true);
    expect(commits.sent).toHaveLength(1);
    expect(commits.sent[0]).toMatchObject({
      grouped: { tenants: ['a', 'b'], indexes: Uint32Array.of(0, 1), counts: Uint32Array.of(2, 1) },
      aggregated: undefined,
      deadLetters: { recordCount: 1 },
    });
    expect([...(commits.sent[0]?.positions ?? [])]).toEqual([['grouped', { offset: 4, metadata: '' }]]);
  });

  it('adds the positions that were missing to its first commit alone', async () => {
    const { commits, add, flush } = start(2, new Map([['windowed', { offset: 7, metadata: '' }]]));
    add(line('a', 's', 1));
    await flush();
    add(line('a', 's', 2));
    await flush();
    expect(commits.sent.map(({ positions }) => [...positions.keys()])).toEqual([['windowed', 'grouped'], ['grouped']]);
  });

  it('sends nothing for an empty batch, so no position moves without outputs', async () => {
    const { commits, flush } = start();
    expect(await flush()).toBe(false);
    expect(commits.sent).toEqual([]);
  });

  it('is due while sums are under way, as long as there is room', async () => {
    const { clock, commits, flow, writer, add } = start(2);
    add(line('a', 's', 1));
    await flow.send(sums(), () => undefined);
    await clock.advance(INTERVAL_MS);
    expect(writer.isDue).toBe(true);
    await flow.send(sums(), () => undefined);
    expect(writer.isDue).toBe(false);
    let isTold = false;
    void writer.untilDue()?.then(() => (isTold = true));
    await clock.advance(1);
    expect(isTold).toBe(false);
    await commits.answer();
    expect([isTold, writer.takeDue()]).toEqual([true, true]);
  });

  it('is due once the interval is over and no commit of lines is under way', async () => {
    const { clock, commits, writer, add, flush } = start();
    add(line('a', 's', 1));
    expect(writer.isDue).toBe(false);
    await clock.advance(INTERVAL_MS);
    expect(writer.isDue).toBe(true);
    await flush();
    expect(writer.isDue).toBe(false);
    await clock.advance(INTERVAL_MS);
    expect(writer.isDue).toBe(false);
    await commits.answer();
    expect(writer.isDue).toBe(true);
    await flush();
    expect(writer.isDue).toBe(false);
  });

  it('tells when a batch is due, also when nothing more comes', async () => {
    const { clock, commits, writer, add, flush } = start();
    let isTold = false;
    const tell = (): void => {
      void writer.untilDue()?.then(() => {
        isTold = true;
      });
    };
    expect(writer.untilDue()).toBeUndefined();
    add(line('a', 's', 1));
    tell();
    await clock.advance(INTERVAL_MS - 1);
    expect(isTold).toBe(false);
    await clock.advance(1);
    expect([isTold, writer.takeDue()]).toEqual([true, true]);
    await flush();
    expect(writer.untilDue()).toBeUndefined();
    // A commit is under way: it is due once that is stored.
    add(line('a', 's', 2));
    isTold = false;
    tell();
    await clock.advance(10 * INTERVAL_MS);
    expect([isTold, writer.takeDue()]).toEqual([false, false]);
    tell();
    await clock.advance(1);
    await commits.answer();
    expect([isTold, writer.takeDue()]).toEqual([true, true]);
    await flush();
    writer.close();
    expect(clock.timerCount).toBe(0);
  });

  it('uses a buffer again after its commit has settled, stored or not, and never before', async () => {
    const { commits, batch, add, flush } = start();
    const bufferOf = (commit: number) => commits.sent[commit]?.grouped?.payload.buffer;
    add(line('a', 's', 1));
    await flush();
    add(line('a', 's', 2));
    await flush();
    expect(bufferOf(1)).not.toBe(bufferOf(0));
    expect(Buffer.from(commits.sent[0]?.grouped?.payload ?? []).toString()).toContain('"used_amount":1,');
    await commits.answer();
    await commits.answer(new Error('refused'));
    expect(batch.isEmpty).toBe(true);
    add(line('a', 's', 3));
    await expect(flush()).rejects.toThrow('refused');
  });

  it('takes a buffer again once its commit is stored', async () => {
    const { commits, add, flush } = start();
    for (let amount = 0; amount < 5; amount += 1) {
      add(line('a', 's', amount));
      await flush();
      await commits.answer();
    }
    expect(new Set(commits.sent.map(({ grouped }) => grouped?.payload.buffer)).size).toBe(1);
  });

  it('waits for room before it sends', async () => {
    const { commits, add, flush } = start(1);
    add(line('a', 's', 1));
    await flush();
    add(line('a', 's', 2));
    const flushed = flush();
    expect(commits.sent).toHaveLength(1);
    await commits.answer();
    expect(await flushed).toBe(true);
    expect(commits.sent).toHaveLength(2);
  });

  it('counts lines and dead letters when they are stored, and not when it is not known that they are', async () => {
    const { commits, counts, add, flush } = start();
    add(line('a', 's', 1), 'no pulse');
    await flush();
    expect(counts).toEqual({ grouped: 0, deadLettered: 0 });
    await commits.answer();
    expect(counts).toEqual({ grouped: 1, deadLettered: 1 });
    add(line('a', 's', 2), 'no pulse');
    await flush();
    await commits.answer(new Error('no answer'));
    expect(counts).toEqual({ grouped: 1, deadLettered: 1 });
  });
});
