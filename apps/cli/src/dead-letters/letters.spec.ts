import { describe, expect, it } from '@jest/globals';
import type { PartitionInfo, StoredBatch, TopicReader } from '@pulses/connector-api';
import { deadLetterLine } from '@pulses/shared-pulse-model';
import { readLetters } from './letters';

const TOPIC = 'source.pulses.dead-letter';

/** A reader of one batch, with the letter of one message. */
function readerOf(sourcePartition: number | undefined): Pick<TopicReader, 'read'> {
  const line = deadLetterLine(7, 'not_json', 'no JSON', Buffer.from('x'), 5_000, sourcePartition);
  const batch: StoredBatch = { baseOffset: 3, recordCount: 1, timestampMs: 6_000, payload: line };
  return {
    async *read() {
      yield await Promise.resolve([batch]);
    },
  };
}

async function lettersOf(sourcePartition: number | undefined) {
  const info: PartitionInfo = { topic: TOPIC, partition: 2, incarnation: '', startOffset: 3, nextOffset: 4 };
  const found = [];
  for await (const some of readLetters(readerOf(sourcePartition), info, { sourceTopic: 'source.pulses' }))
    found.push(...some);
  return found;
}

describe('a dead letter', () => {
  it.each([[undefined], [0], [5]])('names the partition of its source: %s', async (sourcePartition) => {
    expect(await lettersOf(sourcePartition)).toMatchObject([
      { partition: 2, offset: 3, sourcePartition, sourceOffset: 7, reason: 'not_json', timestampS: 5 },
    ]);
  });
});
