// Reads single frames of the journal: messages that are neither in memory nor in the topics' files yet.
//
// Guarantees: a frame is checked as a whole, against its CRC, before anything of it is given out. Bounds: the last frame
// read stays in memory, for who goes on in it.

import { checkFrame } from './frame';
import { readUpTo } from './full-io';
import type { HandleCache } from './handle-cache';
import { segmentName } from './journal-segment';
import { corrupt } from './storage-errors';

/** Where a frame lies in the journal. */
export interface FramePlace {
  readonly lsn: number;
  /** First LSN of its segment. */
  readonly segmentFirstLsn: number;
  /** Where it starts in the segment, in bytes. */
  readonly position: number;
  readonly length: number;
}

export interface JournalReader {
  /** The bytes of the frame; not to be kept. @throws PulsesError JOURNAL_CORRUPT; the port's error */
  read(place: FramePlace): Promise<Uint8Array>;
}

/** @param seed where the CRC of every frame of the log starts */
export function createJournalReader(
  cache: HandleCache,
  { data, journal }: { readonly data: string; readonly journal: string },
  seed: number,
): JournalReader {
  let last: { readonly lsn: number; readonly bytes: Uint8Array } | undefined;

  const load = ({ lsn, segmentFirstLsn, position, length }: FramePlace): Promise<Uint8Array> => {
    const path = `${journal}/${segmentName(segmentFirstLsn)}`;
    return cache.once(path, async (handle) => {
      const bytes = Buffer.allocUnsafeSlow(length);
      const count = await readUpTo(handle, bytes, position);
      const header = checkFrame(bytes.subarray(0, count), 0, seed);
      if (header?.lsn !== lsn || header.frameLength !== length) {
        throw corrupt(data, path, position, `frame ${lsn} is not valid, and was before`);
      }
      return bytes;
    });
  };

  return {
    read: async (place) => {
      if (last?.lsn === place.lsn) return last.bytes;
      const bytes = await load(place);
      last = { lsn: place.lsn, bytes };
      return bytes;
    },
  };
}
