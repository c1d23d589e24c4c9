// Messages of producers.

import { flag, id, struct, u32, u64, type ValueOf } from '@pulses/shared-binary';
import { payload, topicName } from './common-fields';
import { message } from './schema';

const producerStamp = struct({
  /** 16 random bytes as 32 hex digits. */
  id,
  /** Starts at 0; a higher epoch fences every lower one (FENCED) and starts again at sequence 0. */
  epoch: u32,
  /** Dense from 0 within the epoch, one for each produce request; a jump ahead is refused with SEQUENCE_GAP. */
  sequence: u64,
});

/** Identifies a request for deduplication: a repeated (id, epoch, sequence) gets the first answer again. */
export type ProducerStamp = ValueOf<typeof producerStamp>;

export const PRODUCE_REQUESTS = {
  /** The fields behind the stamp are those of `TopicAppend`. */
  produce: message(2, { producer: producerStamp, topic: topicName, recordCount: u32, payloadCrc: u32, payload }),
  /** Forgets a producer that stops for good; later requests of its epoch are FENCED. */
  'retire-producer': message(3, { id, epoch: u32 }),
};

export const PRODUCE_RESPONSES = {
  produced: message(130, {
    baseOffset: u64,
    timestampMs: u64,
    /** True when the stamp was known: these are the offsets of the first time. */
    duplicate: flag,
  }),
};
