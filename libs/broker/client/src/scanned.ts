// An answer to `scan`, checked.

import type { Response } from '@pulses/broker-wire';
import { PulsesError } from '@pulses/shared-errors';
import { crc32 } from 'node:zlib';

type ScannedReply = Extract<Response, { type: 'scanned' }>;

/** Rows that fit the payload, which is what its checksum says. */
export interface Scanned extends ScannedReply {
  /** Set when a large buffer belongs to the answer alone; the caller frees it (`freeMemory`). */
  readonly memory?: ArrayBufferLike | undefined;
}

/** @throws PulsesError PROTOCOL_VIOLATION */
export function checkScanned(reply: ScannedReply): ScannedReply {
  const { topicIds, baseOffsets, counts, lengths, payload, payloadCrc } = reply;
  const areColumns = [baseOffsets, counts, lengths].every(({ length }) => length === topicIds.length);
  if (!areColumns || lengths.reduce((sum, length) => sum + length, 0) !== payload.length)
    throw new PulsesError('PROTOCOL_VIOLATION', 'the rows of a scan are not those of its messages');
  if (crc32(payload) !== payloadCrc)
    throw new PulsesError('PROTOCOL_VIOLATION', 'the messages of a scan are not what their checksum says');
  return reply;
}
