// The windows between one `open` and the next: gathered rows, the delta in flight, and the state in Redis.
//
// Guarantees: deltas reach Redis in order, one at a time, with pipelined chunks. The first failure ends the session.

import type { KeyList, WindowDelta } from '@pulses/aggregation-api';
import { PulsesError, isPulsesError } from '@pulses/shared-errors';
import type { Clock, Random, Timer } from '@pulses/shared-ports';
import { PendingRows } from './pending-rows';
import type { RecoveredWindow } from './window-recovery';
import type { StoredWindow, WindowStore } from './window-store';

const CALLS_MAX = 8;
const ROWS_A_CALL = 1_000;

export interface SessionOptions {
  readonly store: WindowStore;
  readonly recovered: RecoveredWindow | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly lingerMs: number;
  readonly pendingRowsMax: number;
  onFailure(error: PulsesError): void;
  /** Drops the connection. */
  end(): void;
}

interface LocalWindow {
  readonly stored: StoredWindow;
  readonly pending: PendingRows;
  keys: KeyList;
  isSealed: boolean;
}

export type RedisSession = ReturnType<typeof createRedisSession>;

export function createRedisSession(options: SessionOptions) {
  const { store, recovered, clock, random, lingerMs, pendingRowsMax } = options;
  const windows = new Map<number, LocalWindow>();
  let failure: PulsesError | undefined;
  let isEnded = false;
  /** Settles when the delta in flight is stored; undefined when there is none. */
  let sending: Promise<void> | undefined;
  let timer: Timer | undefined;

  if (recovered !== undefined) {
    const { window, isSealed, state } = recovered;
    const pending = new PendingRows(window.nextOffset, window.keyCount);
    windows.set(window.startMs, { stored: window, pending, keys: state.keys, isSealed });
  }

  const fail = (error: PulsesError): void => {
    if (isEnded || failure !== undefined) return;
    failure = error;
    timer?.cancel();
    options.onFailure(error);
  };

  const check = (): void => {
    if (failure !== undefined) throw failure;
  };

  /** Runs a call of the store. Its failure ends the session. */
  const run = async <Result>(call: () => Promise<Result>): Promise<Result> => {
    check();
    try {
      return await call();
    } catch (error) {
      if (isPulsesError(error)) fail(error);
      throw failure ?? error;
    }
  };

  const windowAt = (windowStartMs: number): LocalWindow => {
    const window = windows.get(windowStartMs);
    if (window === undefined) throw new TypeError(`no window starts at ${windowStartMs}`);
    return window;
  };

  const begin = ({ windowStartMs, fromOffset, keys }: WindowDelta): LocalWindow => {
    const name = `${windowStartMs}-${Buffer.from(random.bytes(6)).toString('hex')}`;
    const stored: StoredWindow = {
      startMs: windowStartMs,
      name,
      keys: store.keysOf(name),
      fromOffset,
      nextOffset: fromOffset,
      keyCount: 0,
      keyBytes: [],
      exists: false,
    };
    return { stored, pending: new PendingRows(fromOffset, 0), keys, isSealed: false };
  };

  /** Sends the gathered rows of a window as one delta. */
  const sendPending = async ({ stored, pending, keys }: LocalWindow): Promise<void> => {
    const { fromOffset, nextOffset } = pending;
    const chunks = pending.takeChunks(keys, stored.keyCount, ROWS_A_CALL);
    const delta = { fromOffset, nextOffset, chunkCount: chunks.length };
    let next = 0;
    const sendSome = async (): Promise<void> => {
      while (next < chunks.length && failure === undefined) {
        const index = next;
        next += 1;
        await run(() => store.add(stored, delta, index, chunks[index] as (typeof chunks)[number]));
      }
    };
    await Promise.all(Array.from({ length: Math.min(CALLS_MAX, chunks.length) }, sendSome));
  };

  /** Waits for the delta in flight and starts to send the next one; false when nothing is gathered. */
  const sendNext = async (): Promise<boolean> => {
    timer?.cancel();
    timer = undefined;
    while (sending !== undefined) await sending;
    check();
    const waiting = [...windows.values()].find(({ pending }) => !pending.isEmpty);
    if (waiting === undefined) return false;
    // The failure is kept and rejects every later call.
    sending = sendPending(waiting)
      .catch(() => undefined)
      .then(() => {
        sending = undefined;
      });
    return true;
  };

  /** Sends all gathered rows; resolves once they and the delta in flight are stored. */
  const flush = async (): Promise<void> => {
    while (await sendNext()) continue;
  };

  const sendLater = (): void => {
    timer ??= clock.setTimer(
      lingerMs,
      () => {
        sendNext().catch(() => undefined);
      },
      { keepAlive: false },
    );
  };

  return {
    check,
    fail,
    flushed: flush,

    add(delta: WindowDelta): Promise<void> | void {
      check();
      const window = windows.get(delta.windowStartMs) ?? begin(delta);
      const { pending, isSealed } = window;
      if (delta.nextOffset <= pending.nextOffset) return;
      if (isSealed || delta.fromOffset !== pending.nextOffset) throw conflict(delta, isSealed, pending.nextOffset);
      windows.set(delta.windowStartMs, window);
      window.keys = delta.keys;
      pending.add(delta);
      if (lingerMs === 0) return flush();
      if (pending.length >= pendingRowsMax) return sendNext().then(() => undefined);
      sendLater();
    },

    async seal(windowStartMs: number): Promise<number> {
      check();
      const window = windows.get(windowStartMs);
      if (window === undefined) return 0;
      await flush();
      await run(() => store.seal(window.stored));
      window.isSealed = true;
      return window.pending.keyCount;
    },

    async rows(windowStartMs: number, fromId: number, toId: number): Promise<Buffer> {
      check();
      const window = windowAt(windowStartMs);
      if (!(fromId >= 0 && toId >= fromId && toId <= window.pending.keyCount))
        throw new TypeError(`no keys ${fromId} to ${toId}`);
      if (!window.isSealed) await flush();
      return run(() => store.rows(window.stored, fromId, toId));
    },

    async drop(windowStartMs: number): Promise<void> {
      check();
      const window = windows.get(windowStartMs);
      if (window === undefined) return;
      if (!window.isSealed) await flush();
      windows.delete(windowStartMs);
      if (window.stored.exists) await run(() => store.drop(window.stored, window.stored.keyCount));
    },

    end(): void {
      isEnded = true;
      failure ??= new PulsesError('SHUTTING_DOWN', 'the engine is closed');
      timer?.cancel();
      options.end();
    },
  };
}

function conflict({ fromOffset, nextOffset }: WindowDelta, isSealed: boolean, expectedOffset: number): PulsesError {
  return new PulsesError(
    'POSITION_CONFLICT',
    `offsets ${fromOffset} to ${nextOffset} can't be added: the window is ${isSealed ? 'sealed' : 'summed'} up to ${expectedOffset}`,
  );
}
