// Names of the keys of a source in Redis.
//
//   <prefix>:v1:{<source>}                          hash: owner and windows
//   <prefix>:v1:{<source>}:<window>                 hash: how far the window is
//   <prefix>:v1:{<source>}:<window>:r<bucket>       hash: id (i32, little endian) -> row
//   <prefix>:v1:{<source>}:<window>:k<bucket>       string: keys as the key table has them, in order of ids
//
// The source is what a cluster chooses the node by, so all keys of one source are on one node.

import type { EngineSource } from '@pulses/aggregation-api';
import { createHash } from 'node:crypto';

/**
 * Keys of one bucket. As large as it may be while Redis can free a bucket that has expired at once, which takes it
 * about 10 ms; a row costs more in a chunk that touches many buckets.
 */
export const BUCKET_KEYS = 32_768;

export function bucketOf(id: number): number {
  return Math.floor(id / BUCKET_KEYS);
}

/** Number of buckets that `keyCount` keys fill. */
export function bucketsOf(keyCount: number): number {
  return Math.ceil(keyCount / BUCKET_KEYS);
}

/** How many of `keyCount` keys are in a bucket. */
export function keysInBucket(keyCount: number, bucket: number): number {
  return Math.max(0, Math.min(BUCKET_KEYS, keyCount - bucket * BUCKET_KEYS));
}

/** Two sources, incarnations, groups or window lengths never share a key. */
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
