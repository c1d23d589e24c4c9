// Keeps the sums of open windows in Redis.
//
// Guarantees: a delta is added once and completely; the next `open` detects and clears a half-added one. Redis is a
// cache: it may lose its last seconds or everything, be flushed, or fail over to a replica that is behind. The engine
// then rejects and never returns a wrong sum, and the next `open` reports from where to rebuild. After the first failure
// every call rejects with it until `open`. The client sends no command twice, and the scripts' fence makes a repeat
// harmless.
//
// With `lingerMs` the engine writes behind: `add` gathers deltas by key and returns at once. The gathered rows go to Redis
// together, once `lingerMs` have passed and the previous delta is stored. After a crash these messages are read again.
// Bounds: `pendingRowsMax` gathered rows, beyond which `add` waits, and as many in flight. CALLS_MAX calls are in
// flight, of ROWS_A_CALL rows each, so that none blocks Redis for more than a few milliseconds.

import type { AggregationEngine, EngineSource, WindowSums } from '@pulses/aggregation-api';
import { PulsesError } from '@pulses/shared-errors';
import type { Clock, Logger, Random } from '@pulses/shared-ports';
import { AMOUNT_LIMBS } from '@pulses/shared-pulse-model';
import type { RedisAddress } from './redis-address';
import { connectToOwner } from './redis-connection';
import { createRedisSession, type RedisSession } from './redis-session';
import { recoverWindow } from './window-recovery';
import { createWindowStore, takeOver } from './window-store';

/** State of the connection, for readiness. */
export type RedisState = { readonly isUp: true } | { readonly isUp: false; readonly reason: string };

export interface RedisEngineOptions {
  readonly address: RedisAddress;
  /** Prefix of every key. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly onState?: (state: RedisState) => void;
  /** Time that deltas are gathered. With 0 each is sent at once, and `add` resolves when it is stored. */
  readonly lingerMs?: number;
  readonly pendingRowsMax?: number;
  readonly connectMsMax?: number;
  readonly commandMsMax?: number;
}

export const REDIS_ENGINE_DEFAULTS = {
  lingerMs: 200,
  pendingRowsMax: 131_072,
  connectMsMax: 5_000,
  commandMsMax: 5_000,
} as const;

export interface RedisEngine extends AggregationEngine {
  /** Resolves once every add is stored. @throws the failure of an add */
  flushed(): Promise<void>;
  /** @throws the failure of an earlier add, so that it is noticed before the next call */
  check(): void;
}

const DOUBLES_A_ROW = AMOUNT_LIMBS + 3;

export function createRedisEngine(options: RedisEngineOptions): RedisEngine {
  const settings = { ...REDIS_ENGINE_DEFAULTS, ...options };
  const { address, prefix, random, logger, onState = () => undefined } = settings;
  let session: RedisSession | undefined;
  /** A window whose damage showed only in a session looks complete to recovery, so the next one trusts none. */
  let isDamaged = false;

  const current = (): RedisSession => {
    if (session === undefined) throw new TypeError('the engine is not open');
    return session;
  };

  const openSession = async (source: EngineSource, fromOffset: number) => {
    const owner = Buffer.from(random.bytes(16)).toString('hex');
    const { connection, result: names } = await connectToOwner(
      address,
      settings,
      (error) => session?.fail(error),
      (scripts) => takeOver(scripts, source, prefix, owner),
    );
    try {
      const store = createWindowStore(connection, source, prefix, owner, () => {
        isDamaged = true;
      });
      const recovered = await recoverWindow(store, names, { fromOffset, isDamaged, logger });
      isDamaged = false;
      session = createRedisSession({
        ...settings,
        store,
        recovered,
        onFailure: (error) => {
          connection.end();
          onState({ isUp: false, reason: error.message });
        },
        end: connection.end,
      });
      onState({ isUp: true });
      return recovered?.state;
    } catch (error) {
      connection.end();
      throw error;
    }
  };

  return {
    name: 'redis',
    supports: { survivesRestart: true },
    async open(source, fromOffset) {
      session?.end();
      session = undefined;
      try {
        return await openSession(source, fromOffset);
      } catch (error) {
        onState({ isUp: false, reason: (error as Error).message });
        throw error;
      }
    },
    add: (delta) => current().add(delta),
    seal: async (windowStartMs) => current().seal(windowStartMs),
    async sums(windowStartMs, fromId, toId) {
      return sumsOf(fromId, toId, await current().rows(windowStartMs, fromId, toId));
    },
    drop: async (windowStartMs) => current().drop(windowStartMs),
    flushed: async () => session?.flushed(),
    check() {
      session?.check();
    },
    async close() {
      const closing = session;
      session = undefined;
      // Storing the gathered rows saves reading the messages again, but nothing depends on it.
      await closing?.flushed().catch(() => undefined);
      closing?.end();
    },
  };
}

/** Converts rows to columns. */
function sumsOf(fromId: number, toId: number, rows: Buffer): WindowSums {
  const length = toId - fromId;
  const bytes = Uint8Array.from(rows);
  if (bytes.byteLength !== length * DOUBLES_A_ROW * 8)
    throw new PulsesError('PROTOCOL_VIOLATION', 'Redis returned rows of an unexpected length');
  const doubles = new Float64Array(bytes.buffer);
  const limbs = new Float64Array(length * AMOUNT_LIMBS);
  const column = (at: number) => Float64Array.from({ length }, (_, row) => doubles[row * DOUBLES_A_ROW + at] as number);
  for (let row = 0; row < length; row += 1)
    limbs.set(doubles.subarray(row * DOUBLES_A_ROW, row * DOUBLES_A_ROW + AMOUNT_LIMBS), row * AMOUNT_LIMBS);
  return {
    fromId,
    toId,
    limbs,
    counts: column(AMOUNT_LIMBS),
    firstSeenMs: column(AMOUNT_LIMBS + 1),
    lastSeenMs: column(AMOUNT_LIMBS + 2),
  };
}
