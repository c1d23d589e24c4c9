// Reading all topics of a kind in the order in which they are stored.

import { column, flag, list, struct, u32, u64, type ValueOf } from '@pulses/shared-binary';
import { payload, topicName } from './common-fields';
import { message } from './schema';

const scanPlace = struct({
  /** Number of a frame of the log. */
  lsn: u64,
  topicId: u32,
  offset: u64,
});

/** Where a scan continues. Only the broker makes sense of it; zeros are the start. */
export type ScanPlace = ValueOf<typeof scanPlace>;

export const SCAN_START: ScanPlace = { lsn: 0, topicId: 0, offset: 0 };

export const SCAN_REQUESTS = {
  /**
   * Messages of all topics of the kind that a topic called `like` is of, whether it exists or not. Answered with `scanned`:
   * the next one continues where that ended.
   */
  scan: message(21, { like: topicName, from: scanPlace }),
};

export const SCAN_RESPONSES = {
  /** A row is consecutive messages of a topic; the rows' bytes lie back to back in the payload. */
  scanned: message(145, {
    topicIds: column(),
    baseOffsets: list(u64),
    counts: column(),
    lengths: column(),
    next: scanPlace,
    /** False at the end. */
    more: flag,
    payloadCrc: u32,
    payload,
  }),
};
