// Names of the keys of a source in Redis.
//
//   <prefix>:v1:{<source>}                          hash: owner and windows
//   <prefix>:v1:{<source>}:<window>                 hash: progress of the window
//   <prefix>:v1:{<source>}:<window>:r<bucket>       hash: id (i32, little endian) -> row
//   <prefix>:v1:{<source>}:<window>:k<bucket>       string: keys in the key table's format, in order of ids
//
// The source is the hash tag of a cluster, so all keys of one source are on one node.

import type { EngineSource } from '@pulses/aggregation-api';
import { createHash } from 'node:crypto';

/**
 * Keys per bucket: as many as Redis can free in about 10 ms when a bucket expires. With smaller buckets a chunk touches
 * more of them, and each row costs more.
 */
export const BUCKET_KEYS = 32_768;

export function bucketOf(id: number): number {
  return Math.floor(id / BUCKET_KEYS);
}

/** Number of buckets that `keyCount` keys fill. */
export function bucketsOf(keyCount: number): number {
  return Math.ceil(keyCount / BUCKET_KEYS);
}

/** Number of `keyCount` keys in a bucket. */
export function keysInBucket(keyCount: number, bucket: number): number {
  return Math.max(0, Math.min(BUCKET_KEYS, keyCount - bucket * BUCKET_KEYS));
}

/** Different sources, incarnations, groups or window lengths share no key. */
export function sourceKeyOf(prefix: string, { topic, incarnation, group, windowMs }: EngineSource): string {
  const identity = JSON.stringify([topic, incarnation, group, windowMs]);
  return `${prefix}:v1:{${createHash('sha256').update(identity).digest('hex').slice(0, 32)}}`;
}

export interface WindowKeys {
  readonly window: string;
  rows(bucket: number): string;
  keys(bucket: number): string;
  /** Every Redis key of a window with `keyCount` keys. */
  all(keyCount: number): string[];
}

export function windowKeysOf(sourceKey: string, name: string): WindowKeys {
  const window = `${sourceKey}:${name}`;
  const rows = (bucket: number) => `${window}:r${bucket}`;
  const keys = (bucket: number) => `${window}:k${bucket}`;
  return {
    window,
    rows,
    keys,
    all: (keyCount) => [
      window,
      ...Array.from({ length: bucketsOf(keyCount) }, (_, bucket) => [rows(bucket), keys(bucket)]).flat(),
    ],
  };
}
