// The windows of one source in Redis, through the scripts: one call here runs one script.
//
// Guarantees: every call names its owner, and changes nothing for a former owner. A window that differs from the caller's
// state is never added to or read.

import type { EngineSource } from '@pulses/aggregation-api';
import { PulsesError, type ErrorCode } from '@pulses/shared-errors';
import {
  BUCKET_KEYS,
  bucketOf,
  bucketsOf,
  keysInBucket,
  sourceKeyOf,
  windowKeysOf,
  type WindowKeys,
} from './key-names';
import type { Chunk } from './pending-rows';
import type { RedisConnection, Scripts } from './redis-connection';
import { pulsesErrorOf } from './redis-failure';

/** Bytes of keys per reply. */
const KEY_BYTES_A_READ = 1024 * 1024;
const ROWS_A_READ = 2048;
/** Windows without an add for this time belong to an ingestor that is gone, and expire. */
const LEFTOVER_MS = 3_600_000;

/** The state of a window that this process and Redis share. */
export interface StoredWindow {
  readonly startMs: number;
  readonly name: string;
  readonly keys: WindowKeys;
  /** First source offset. */
  readonly fromOffset: number;
  /** The sums in Redis cover the offsets below this one, once the chunks in flight are added. */
  nextOffset: number;
  keyCount: number;
  /** Bytes of keys, by bucket. */
  readonly keyBytes: number[];
  /** False until the first delta is sent. */
  exists: boolean;
}

/** A window as Redis reports it, before any check. */
export interface WindowRecord {
  readonly fromOffset: number;
  readonly nextOffset: number;
  readonly isWhole: boolean;
  readonly isSealed: boolean;
  readonly keyCount: number;
}

export interface WindowName {
  readonly startMs: number;
  readonly name: string;
}

/** A delta in flight, chunk by chunk. */
export interface DeltaRange {
  readonly fromOffset: number;
  readonly nextOffset: number;
  readonly chunkCount: number;
}

export type WindowStore = ReturnType<typeof createWindowStore>;

/** Becomes the owner of a source. @throws errors of the client */
export async function takeOver(
  scripts: Scripts,
  source: EngineSource,
  prefix: string,
  owner: string,
): Promise<WindowName[]> {
  const { topic, incarnation, group, windowMs } = source;
  const facts = ['topic', topic, 'incarnation', incarnation, 'group', group, 'window_ms', windowMs];
  const found = await scripts.open([sourceKeyOf(prefix, source)], [owner, ttlMsOf(source), ...facts]);
  return Array.from({ length: found.length / 2 }, (_, at) => ({
    startMs: Number(found[2 * at]),
    name: found[2 * at + 1] as string,
  }));
}

function ttlMsOf({ windowMs }: EngineSource): number {
  return 2 * windowMs + LEFTOVER_MS;
}

/** `onDamage` is called when a window proves to be incomplete. */
export function createWindowStore(
  connection: RedisConnection,
  source: EngineSource,
  prefix: string,
  owner: string,
  onDamage: () => void = () => undefined,
) {
  const { redis, scripts, place } = connection;
  const sourceKey = sourceKeyOf(prefix, source);
  const ttlMs = ttlMsOf(source);

  const ask = async <Result>(call: () => Promise<Result>): Promise<Result> => {
    try {
      return await call();
    } catch (error) {
      throw pulsesErrorOf(error, place);
    }
  };

  const refused = (answer: string, { startMs }: { readonly startMs: number }): PulsesError => {
    if (answer === 'LOST') onDamage();
    const [code, text] = REFUSALS[answer] ?? ['PROTOCOL_VIOLATION', `Redis answers ${answer}`];
    return new PulsesError(code, `the window from ${startMs} ms on: ${text}`);
  };

  const keysOf = (name: string): WindowKeys => windowKeysOf(sourceKey, name);

  return {
    keysOf,

    /** Undefined when Redis has only the name. */
    async find({ name }: WindowName): Promise<WindowRecord | undefined> {
      const fields = ['from', 'next', 'part', 'sealed', 'keys'];
      const [from, next, part, sealed, keys] = await ask(() => redis.hmget(keysOf(name).window, ...fields));
      if (!from || !next || !part || !sealed || !keys) return undefined;
      return {
        fromOffset: Number(from),
        nextOffset: Number(next),
        isWhole: part === '0',
        isSealed: sealed === '1',
        keyCount: Number(keys),
      };
    },

    /** Numbers of rows and bytes of keys, by bucket. */
    sizes(name: string, keyCount: number): Promise<{ rows: number; keyBytes: number }[]> {
      const keys = keysOf(name);
      return Promise.all(
        Array.from({ length: bucketsOf(keyCount) }, (_, bucket) =>
          ask(async () => {
            const [rows, keyBytes] = await Promise.all([
              redis.hlen(keys.rows(bucket)),
              redis.strlen(keys.keys(bucket)),
            ]);
            return { rows, keyBytes };
          }),
        ),
      );
    },

    /** The keys of a bucket, back to back. */
    async keyBytes(name: string, bucket: number, length: number): Promise<Buffer> {
      const parts: Buffer[] = [];
      for (let from = 0; from < length; from += KEY_BYTES_A_READ)
        parts.push(await ask(() => redis.getrangeBuffer(keysOf(name).keys(bucket), from, from + KEY_BYTES_A_READ - 1)));
      return Buffer.concat(parts);
    },

    /** Adds chunk `index` of a delta. Counts its keys at once, since the next chunk may be sent before the answer. */
    add(window: StoredWindow, delta: DeltaRange, index: number, chunk: Chunk): Promise<void> {
      const { bucket, rows, newKeys, newKeyBytes } = chunk;
      const rowsBefore = keysInBucket(window.keyCount, bucket);
      const bytesBefore = window.keyBytes[bucket] ?? 0;
      const isFirst = window.exists ? 0 : 1;
      window.keyCount += newKeys;
      window.keyBytes[bucket] = bytesBefore + newKeyBytes.byteLength;
      if (index + 1 === delta.chunkCount) {
        window.exists = true;
        window.nextOffset = delta.nextOffset;
      }
      return ask(async () => {
        const answer = await scripts.add(
          [sourceKey, window.keys.window, window.keys.rows(bucket), window.keys.keys(bucket)],
          [
            owner,
            ttlMs,
            window.startMs,
            window.name,
            delta.fromOffset,
            delta.nextOffset,
            index,
            delta.chunkCount,
            isFirst,
            rowsBefore,
            bytesBefore,
            newKeys,
            newKeyBytes,
            rows,
          ],
        );
        if (answer !== 'ADDED' && answer !== 'REPEATED') throw refused(answer, window);
      });
    },

    async seal(window: StoredWindow): Promise<void> {
      const { keys, nextOffset, keyCount } = window;
      const answer = await ask(() => scripts.seal([sourceKey, keys.window], [owner, ttlMs, nextOffset, keyCount]));
      if (answer !== 'SEALED') throw refused(answer, window);
    },

    /** The rows of the keys `[fromId, toId)`, 56 bytes each: AMOUNT_LIMBS limbs, count, first and last seen, as doubles. */
    async rows(window: StoredWindow, fromId: number, toId: number): Promise<Buffer> {
      const parts: Buffer[] = [];
      for (let from = fromId; from < toId;) {
        const bucket = bucketOf(from);
        const to = Math.min(toId, from + ROWS_A_READ, (bucket + 1) * BUCKET_KEYS);
        const { keys, nextOffset } = window;
        const [answer, rows] = await ask(() =>
          scripts.read([sourceKey, keys.window, keys.rows(bucket)], [owner, nextOffset, from, to]),
        );
        if (rows === undefined) throw refused(String(answer), window);
        parts.push(rows);
        from = to;
      }
      return Buffer.concat(parts);
    },

    async drop({ startMs, name }: WindowName, keyCount: number): Promise<void> {
      const keys = [sourceKey, ...keysOf(name).all(keyCount)];
      const answer = await ask(() => scripts.drop(keys, [owner, startMs, name]));
      if (answer !== 'DROPPED') throw refused(answer, { startMs });
    },
  };
}

const REFUSALS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  FENCED: ['FENCED', 'another ingestor has taken the source over'],
  LOST: ['POSITION_CONFLICT', 'Redis has lost a part of the window'],
  CONFLICT: ['POSITION_CONFLICT', 'Redis has the window up to another offset'],
  SEALED: ['POSITION_CONFLICT', 'the window is sealed in Redis'],
};
