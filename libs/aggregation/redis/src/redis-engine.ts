// Sums of open windows in Redis.
//
// Guarantees: a delta is added once, whole or, when something fails half-way, in a way that the next `open` finds and
// clears. Redis is a cache: it may lose its last seconds or everything, be flushed, fail over to a copy that is behind; the
// engine then rejects, never answers a sum that is not the log's, and the next `open` tells from where to rebuild.
// After the first failure every call rejects with it until `open`. No command is ever sent twice by the client, and the
// scripts' fence makes a repeat harmless.
//
// With `lingerMs` the engine writes behind: `add` gathers deltas by key and answers at once; what is gathered goes to
// Redis together, once `lingerMs` have passed and the delta before is stored. What a crash then costs is to read these
// messages again. Bounds: `pendingRowsMax` rows gathered, beyond which `add` waits, and as many under way; CALLS_MAX calls
// under way, of ROWS_A_CALL rows each, so that no call holds Redis up for more than a few milliseconds.

import type { AggregationEngine, EngineSource, WindowSums } from '@pulses/aggregation-api';
import { PulsesError } from '@pulses/shared-errors';
import type { Clock, Logger, Random } from '@pulses/shared-ports';
import { AMOUNT_LIMBS } from '@pulses/shared-pulse-model';
import type { RedisAddress } from './redis-address';
import { connectToOwner } from './redis-connection';
import { createRedisSession, type RedisSession } from './redis-session';
import { recoverWindow } from './window-recovery';
import { createWindowStore, takeOver } from './window-store';

/** For readiness. */
export type RedisState = { readonly isUp: true } | { readonly isUp: false; readonly reason: string };

export interface RedisEngineOptions {
  readonly address: RedisAddress;
  /** Starts the name of every key. */
  readonly prefix: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly onState?: (state: RedisState) => void;
  /** How long deltas are gathered; 0: each is sent at once, and `add` resolves when it is stored. */
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
  /** Resolves once every add is stored. @throws the failure of one */
  flushed(): Promise<void>;
  /** @throws the failure of an add that was answered already, so that it is heard of before the next call */
  check(): void;
}

const DOUBLES_A_ROW = AMOUNT_LIMBS + 3;

export function createRedisEngine(options: RedisEngineOptions): RedisEngine {
  const settings = { ...REDIS_ENGINE_DEFAULTS, ...options };
  const { address, prefix, random, logger, onState = () => undefined } = settings;
  let session: RedisSession | undefined;
  /** What a session has found damaged looked whole when it was taken over: it would again. */
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
      // What is gathered is worth keeping, but nothing depends on it.
      await closing?.flushed().catch(() => undefined);
      closing?.end();
    },
  };
}

/** Columns from rows. */
function sumsOf(fromId: number, toId: number, rows: Buffer): WindowSums {
  const length = toId - fromId;
  const bytes = Uint8Array.from(rows);
  if (bytes.byteLength !== length * DOUBLES_A_ROW * 8)
    throw new PulsesError('PROTOCOL_VIOLATION', 'Redis answers rows of another length');
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
