// `scan` of the log in memory: topic by topic, by id.

import { RowGathering, type ScannedRows } from '@pulses/broker-log-api';
import type { ScanPlace } from '@pulses/broker-wire';
import type { MemoryTopics } from './memory-topics';

export function scanMemory(topics: MemoryTopics, { topicId, offset }: ScanPlace, bytesMax: number): ScannedRows {
  const rows = new RowGathering();
  for (const { id, info } of topics.from(topicId)) {
    let next = Math.max(info.startOffset, id === topicId ? Math.min(offset, info.nextOffset) : 0);
    while (next < info.nextOffset) {
      if (rows.bytes >= bytesMax) return rows.end({ lsn: 0, topicId: id, offset: next }, true);
      for (const batch of topics.read(info.topic, info.incarnation, next, bytesMax - rows.bytes)) {
        if (rows.bytes > 0 && rows.bytes + batch.payload.length > bytesMax)
          return rows.end({ lsn: 0, topicId: id, offset: next }, true);
        rows.add(id, batch);
        next = batch.baseOffset + batch.recordCount;
      }
    }
  }
  return rows.end({ lsn: 0, topicId: 0, offset: 0 }, false);
}
