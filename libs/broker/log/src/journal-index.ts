// Where in the journal each topic's messages lie: how messages are read that have left memory.
//
// Bounds: about 100 bytes for each append.

import type { RecordBatch } from '@pulses/broker-wire';
import type { FileSystem } from '@pulses/shared-ports';
import type { Entry } from './entries';
import { readUpTo } from './full-io';
import { segmentName } from './journal-segment';
import { batchFrom, createGathering } from './record-cut';
import { corrupt } from './storage-errors';

interface PlacedBatch {
  readonly baseOffset: number;
  readonly recordCount: number;
  readonly timestampMs: number;
  readonly length: number;
  readonly segmentFirstLsn: number;
  readonly position: number;
}

export interface ColdStore {
  /** A frame is durable; its payloads start at `payloadsAt` of the segment. */
  add(entries: readonly Entry[], timestampMs: number, segmentFirstLsn: number, payloadsAt: number): void;
  drop(topicId: number): void;
  /** Messages from `fromOffset` on, which is below the topic's newest. */
  read(topicId: number, fromOffset: number, bytesMax: number): Promise<RecordBatch[]>;
}

export function createJournalIndex(fileSystem: FileSystem, dataDirectory: string, directory: string): ColdStore {
  const topics = new Map<number, PlacedBatch[]>();

  const load = async (batch: PlacedBatch): Promise<Uint8Array> => {
    const path = `${directory}/${segmentName(batch.segmentFirstLsn)}`;
    const handle = await fileSystem.open(path, 'read');
    try {
      const bytes = Buffer.allocUnsafeSlow(batch.length);
      const count = await readUpTo(handle, bytes, batch.position);
      if (count < batch.length) throw corrupt(dataDirectory, path, batch.position + count, 'the file ends too early');
      return bytes;
    } finally {
      await handle.close();
    }
  };

  return {
    add: (entries, timestampMs, segmentFirstLsn, payloadsAt) => {
      let position = payloadsAt;
      for (const entry of entries) {
        if (entry.kind !== 'appended') continue;
        const { baseOffset, recordCount, length } = entry;
        const batch = { baseOffset, recordCount, timestampMs, length, segmentFirstLsn, position };
        const batches = topics.get(entry.topicId);
        if (batches === undefined) topics.set(entry.topicId, [batch]);
        else batches.push(batch);
        position += length;
      }
    },
    drop: (topicId) => {
      topics.delete(topicId);
    },
    read: async (topicId, fromOffset, bytesMax) => {
      const batches = topics.get(topicId) ?? [];
      const gathering = createGathering(bytesMax);
      let index = batches.findIndex((batch) => batch.baseOffset + batch.recordCount > fromOffset);
      let isWanted = index !== -1;
      while (isWanted) {
        const batch = batches[index];
        if (batch === undefined) break;
        const bytes = await load(batch);
        isWanted = gathering.add(batchFrom({ ...batch, bytes, start: 0 }, Math.max(fromOffset, batch.baseOffset)));
        index += 1;
      }
      return gathering.batches;
    },
  };
}
