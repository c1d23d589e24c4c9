// Where messages to export come from: a log in the same process, or a broker over the wire.

import type { BrokerLog } from '@pulses/broker-log-api';
import type { RecordBatch, TopicInfo } from '@pulses/broker-wire';
import type { Clock } from '@pulses/shared-ports';

/** What an export needs to know of a topic. */
export type ExportTopic = Pick<TopicInfo, 'topic' | 'incarnation' | 'startOffset' | 'nextOffset'>;

export interface ExportSource {
  /** The topics to export, some at a time, in the same order at each call. */
  topics(): AsyncIterable<readonly ExportTopic[]>;
  /**
   * The messages from `fromOffset` up to `untilOffset`, in order and without a gap, some batches at a time. Batches are
   * lent until the next ones are asked for.
   * @throws PulsesError TOPIC_UNKNOWN, OFFSET_OUT_OF_RANGE (deleted or removed meanwhile), and what reading throws
   */
  read(topic: ExportTopic, fromOffset: number, untilOffset: number): AsyncIterable<readonly RecordBatch[]>;
}

const TOPICS_AT_ONCE = 1_000;
const READ_BYTES_MAX = 1024 * 1024;

/** The log of this process; others get a turn between two pieces of its list. */
export function logSource(log: Pick<BrokerLog, 'topics' | 'read'>, clock: Clock): ExportSource {
  return {
    async *topics() {
      for (let after = ''; ;) {
        const { topics, more } = log.topics({ prefix: '', after, limit: TOPICS_AT_ONCE });
        yield topics;
        const last = topics.at(-1);
        if (!more || last === undefined) return;
        after = last.topic;
        await new Promise<void>((resolve) => void clock.setTimer(0, resolve));
      }
    },
    async *read({ topic, incarnation }, fromOffset, untilOffset) {
      for (let next = fromOffset; next < untilOffset;) {
        const batches = await log.read(topic, incarnation, next, READ_BYTES_MAX);
        if (batches.length === 0) return;
        yield batches;
        next += batches.reduce((sum, { recordCount }) => sum + recordCount, 0);
      }
    },
  };
}
