// Recovers a source's window from Redis after a restart.
//
// Guarantees: a window is recovered only when it starts at the read offset of the source. No delta of it may be added
// in part, and all rows and keys must be present. Every other window is dropped, since the log can rebuild it.

import { createKeyTable, type EngineState, type KeyTable } from '@pulses/aggregation-api';
import type { Logger } from '@pulses/shared-ports';
import { keysInBucket } from './key-names';
import type { StoredWindow, WindowName, WindowRecord, WindowStore } from './window-store';

export interface RecoveredWindow {
  readonly window: StoredWindow;
  readonly isSealed: boolean;
  readonly state: EngineState;
}

export interface RecoveryOptions {
  /** Offset from which the source is read. */
  readonly fromOffset: number;
  /** Recovers no window, even one that looks complete. */
  readonly isDamaged: boolean;
  readonly logger: Logger;
}

/** Recovers the window that starts at `fromOffset` if it is complete, and drops every other one. */
export async function recoverWindow(
  store: WindowStore,
  names: readonly WindowName[],
  { fromOffset, isDamaged, logger }: RecoveryOptions,
): Promise<RecoveredWindow | undefined> {
  let recovered: RecoveredWindow | undefined;
  for (const name of names) {
    const record = await store.find(name);
    let found: RecoveredWindow | string = 'a second window starts there';
    if (isDamaged) found = 'it was found damaged';
    else if (recovered === undefined) found = await examine(store, name, record, fromOffset);
    if (typeof found === 'string') {
      logger.info({ windowStartMs: name.startMs, reason: found }, 'window sums in Redis dropped');
      await store.drop(name, record?.keyCount ?? 0);
    } else recovered = found;
  }
  if (recovered === undefined) logger.info({ fromOffset }, 'window sums are rebuilt from the log');
  else {
    const { windowStartMs, nextOffset, keys } = recovered.state;
    logger.info({ windowStartMs, fromOffset, nextOffset, keys: keys.size }, 'window sums taken over from Redis');
  }
  return recovered;
}

/** The window, or the reason why it cannot be recovered. */
async function examine(
  store: WindowStore,
  { startMs, name }: WindowName,
  record: WindowRecord | undefined,
  fromOffset: number,
): Promise<RecoveredWindow | string> {
  if (record === undefined) return 'Redis has lost it';
  if (record.fromOffset !== fromOffset) return `it starts at offset ${record.fromOffset}, not ${fromOffset}`;
  if (!record.isWhole) return 'a delta of it was added in part';
  const { nextOffset, keyCount, isSealed } = record;
  const sizes = await store.sizes(name, keyCount);
  if (sizes.some(({ rows }, bucket) => rows !== keysInBucket(keyCount, bucket))) return 'Redis has lost rows of it';
  const keys = createKeyTable({ keysMax: Math.max(1, keyCount) });
  for (const [bucket, { keyBytes }] of sizes.entries())
    if (!readKeys(keys, await store.keyBytes(name, bucket, keyBytes), keysInBucket(keyCount, bucket)))
      return 'Redis has lost keys of it';
  const window: StoredWindow = {
    startMs,
    name,
    keys: store.keysOf(name),
    fromOffset,
    nextOffset,
    keyCount,
    keyBytes: sizes.map(({ keyBytes }) => keyBytes),
    exists: true,
  };
  return { window, isSealed, state: { windowStartMs: startMs, fromOffset, nextOffset, keys } };
}

/** Appends `count` keys that lie back to back; false when their number differs or two are equal. */
function readKeys(table: KeyTable, bytes: Buffer, count: number): boolean {
  const sizeAfter = table.size + count;
  let at = 0;
  while (at < bytes.byteLength && table.size < sizeAfter) {
    const ends: number[] = [];
    let end = at;
    for (let part = 0; part < 3; part += 1) {
      if (end + 2 > bytes.byteLength) return false;
      end += 2 + bytes.readUInt16LE(end);
      ends.push(end);
    }
    if (end > bytes.byteLength) return false;
    const [tenantEnd = 0, skuEnd = 0, unitEnd = 0] = ends;
    const size = table.size;
    if (table.idOf(bytes, at + 2, tenantEnd, tenantEnd + 2, skuEnd, skuEnd + 2, unitEnd) !== size) return false;
    at = end;
  }
  return at === bytes.byteLength && table.size === sizeAfter;
}
