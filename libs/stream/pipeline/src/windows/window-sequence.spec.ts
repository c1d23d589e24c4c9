import { describe, expect, it } from '@jest/globals';
import type { AggregationEngine } from '@pulses/aggregation-api';
import { createReferenceEngine } from '@pulses/testing-aggregation-conformance';
import { createSimClock } from '@pulses/testing-sim';
import { CommitFlow } from '../commits/commit-flow';
import type { StoredPositions } from '../stored-positions';
import { fill, keySpaceOf, SOURCE } from '../testing/filled-window';
import { HeldCommits } from '../testing/held-commits';
import { line } from '../testing/rig';
import { WindowSequence } from './window-sequence';

const T0 = 1_700_000_000_000;
const WINDOW_MS = 5_000;
const NOTHING_STORED: StoredPositions = { groupedOffset: 0, windowedOffset: 0, progress: undefined };

async function start(stored = NOTHING_STORED) {
  const inner = createReferenceEngine();
  await inner.open({ ...SOURCE, group: 'g', windowMs: WINDOW_MS }, 0);
  const notes: string[] = [];
  const relative = (startMs: number): number => (startMs - T0) / 1_000;
  const engine: AggregationEngine = {
    ...inner,
    seal(startMs) {
      notes.push(`seal ${relative(startMs)}`);
      return inner.seal(startMs);
    },
    drop(startMs) {
      notes.push(`drop ${relative(startMs)}`);
      return inner.drop(startMs);
    },
  };
  const commits = new HeldCommits();
  const flow = new CommitFlow({
    session: commits.session,
    clock: createSimClock(),
    underWayMax: 2,
    stored: () => undefined,
  });
  const windows = new WindowSequence({
    session: {
      engine,
      source: SOURCE,
      limits: { sumsMax: 1, tenantsMax: 9, keysPerStep: 1, commitBytes: 4 * 1024 * 1024 },
      flow,
      aggregated: () => undefined,
      stored: () => undefined,
    },
    stored,
    windowMs: WINDOW_MS,
    keySpace: keySpaceOf(),
    flush: () => {
      notes.push('flush');
      return Promise.resolve();
    },
    opened: ({ startMs }) => {
      notes.push(`opened ${relative(startMs)}`);
    },
    movedTo: (offset) => {
      notes.push(`moved to ${offset}`);
    },
    closed: () => {
      notes.push('closed');
    },
  });
  /** Enters the window of a time and reads one pulse for each SKU into it. */
  const read = async (afterMs: number, ...skus: string[]): Promise<void> => {
    const window = await windows.enter(T0 + afterMs, windows.open?.nextOffset ?? stored.windowedOffset);
    await fill(
      engine,
      window,
      skus.map((sku) => line('a', sku, 1)),
    );
  };
  return { windows, commits, notes, read };
}

describe('the windows of a session', () => {
  it('hand everything on before a window is sealed, and open the next one after that', async () => {
    const { windows, notes, read } = await start();
    await read(100, 's', 't');
    await read(4_999, 'u');
    expect(windows.open).toMatchObject({ startMs: T0, endMs: T0 + WINDOW_MS });
    await windows.enter(T0 + WINDOW_MS, 3);
    expect(notes).toEqual(['opened 0', 'flush', 'closed', 'seal 0', 'opened 5']);
    expect(windows.open).toMatchObject({ startMs: T0 + WINDOW_MS, fromOffset: 3 });
  });

  it('close at a head exactly when the clock has reached the end', async () => {
    const { windows, read } = await start();
    expect(await windows.closeIfOver(T0)).toBe(false);
    await read(0, 's');
    expect(await windows.closeIfOver(T0 + WINDOW_MS - 1)).toBe(false);
    expect(windows.open).toBeDefined();
    expect(await windows.closeIfOver(T0 + WINDOW_MS)).toBe(true);
    expect(windows.open).toBeUndefined();
  });

  it('emit the older window in steps beside the open one, and drop it once it is stored', async () => {
    const { windows, commits, notes, read } = await start();
    await read(0, 's', 't', 'u');
    await read(WINDOW_MS, 's');
    expect(windows.isPending).toBe(true);
    for (let step = 0; windows.isPending; step += 1) {
      if (commits.underWay === 2) await commits.answer();
      await windows.emit();
      if (step > 20) throw new Error('the emission does not end');
    }
    await windows.dropStored();
    expect(notes).not.toContain('drop 0');
    while (commits.underWay > 0) await commits.answer();
    await windows.dropStored();
    expect(notes.at(-1)).toBe('drop 0');
    await windows.emit();
    await windows.dropStored();
    expect(notes.filter((note) => note === 'drop 0')).toHaveLength(1);
  });

  it('finish the older window before the open one is sealed, so that there are never three', async () => {
    const { windows, commits, notes, read } = await start();
    await read(0, 's', 't', 'u');
    await read(WINDOW_MS, 's');
    await commits.answerUntil(read(2 * WINDOW_MS, 's'));
    expect(notes).toEqual([
      'opened 0',
      'flush',
      'closed',
      'seal 0',
      'opened 5',
      'drop 0',
      'flush',
      'closed',
      'seal 5',
      'opened 10',
    ]);
    expect(windows.open?.startMs).toBe(T0 + 2 * WINDOW_MS);
  });

  it('begin with their first message: the stored position moves over offsets that are missing before it', async () => {
    const { windows, commits, notes } = await start();
    await windows.enter(T0, 7);
    expect(windows.open?.fromOffset).toBe(7);
    expect(notes).toEqual(['opened 0', 'moved to 7']);
    await windows.close();
    await commits.answer();
    expect(commits.sent.at(-1)?.positions.get('windowed')?.offset).toBe(7);
    await windows.enter(T0 + WINDOW_MS, 12);
    expect(notes.at(-1)).toBe('moved to 12');
  });

  it('let the last sums move the position over missing offsets while some are left to be emitted', async () => {
    const { windows, commits, notes, read } = await start();
    await read(0, 's', 't', 'u');
    await windows.enter(T0 + WINDOW_MS, 9);
    expect(windows.isPending).toBe(true);
    while (windows.isPending) await commits.answerUntil(windows.emit());
    expect(commits.sent.map(({ positions }) => positions.get('windowed')?.offset)).toEqual([0, 0, 9]);
    expect(notes).not.toContain('moved to 9');
  });

  it('refuse to go on in a window that is emitted in part when its first messages are gone', async () => {
    const progress = { windowStartMs: T0, windowMs: WINDOW_MS, emittedKeys: 1, order: 'tenant' } as const;
    const { windows } = await start({ groupedOffset: 9, windowedOffset: 9, progress });
    await expect(windows.enter(T0, 10)).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' });
  });

  it('refuse a time before the open window', async () => {
    const { windows, read } = await start();
    await read(WINDOW_MS, 's');
    await expect(windows.enter(T0, 1)).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' });
  });

  it('keep the length of a window that an earlier session has emitted in part, and that one alone', async () => {
    const progress = { windowStartMs: T0, windowMs: 2_000, emittedKeys: 1, order: 'tenant' } as const;
    const { windows, commits, read } = await start({ groupedOffset: 9, windowedOffset: 9, progress });
    await read(0, 's', 't');
    expect(windows.open).toMatchObject({ startMs: T0, endMs: T0 + 2_000, emittedKeys: 1 });
    await commits.answerUntil(read(2_000, 's'));
    // The next one has the new length, and so starts where the one before did; that one is finished first.
    expect(windows.open).toMatchObject({ startMs: T0, endMs: T0 + WINDOW_MS, emittedKeys: 0 });
    expect(commits.underWay).toBe(0);
  });
});
