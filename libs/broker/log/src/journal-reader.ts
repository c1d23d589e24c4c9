// Reads single frames of the journal: messages that are neither in memory nor in the topics' files yet.
//
// Guarantees: a frame is checked as a whole, against its CRC, before anything of it is given out. Bounds: what was read last
// stays in memory, for who goes on in it: a frame, and what follows on it up to `aheadBytes` in all.

import { checkFrame } from './frame';
import { readUpTo } from './full-io';
import type { HandleCache } from './handle-cache';
import { segmentName } from './journal-segment';
import { corrupt } from './storage-errors';

/** A frame is small beside what is read ahead when so many fit in. */
const SMALL_SHARE = 4;

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
  /**
   * The bytes of the frame. Who keeps them keeps all that was read with them.
   * @throws PulsesError JOURNAL_CORRUPT; the port's error
   */
  read(place: FramePlace): Promise<Uint8Array>;
}

/**
 * @param seed where the CRC of every frame of the log starts
 * @param aheadBytes so many are read at once when the frame is small beside it: for who reads the frames in order
 */
export function createJournalReader(
  cache: HandleCache,
  { data, journal }: { readonly data: string; readonly journal: string },
  seed: number,
  aheadBytes: number,
): JournalReader {
  let chunk: { readonly segmentFirstLsn: number; readonly position: number; readonly bytes: Uint8Array } | undefined;
  let last: { readonly lsn: number; readonly bytes: Uint8Array } | undefined;

  /** Undefined when it was not read, or not yet as it is now: what was read ahead may have been written since. */
  const inChunk = ({ lsn, segmentFirstLsn, position, length }: FramePlace): Uint8Array | undefined => {
    if (chunk?.segmentFirstLsn !== segmentFirstLsn || position < chunk.position) return undefined;
    const at = position - chunk.position;
    const header = checkFrame(chunk.bytes, at, seed);
    return header?.lsn === lsn && header.frameLength === length ? chunk.bytes.subarray(at, at + length) : undefined;
  };

  const load = (place: FramePlace): Promise<Uint8Array> => {
    const { lsn, segmentFirstLsn, position, length } = place;
    const path = `${journal}/${segmentName(segmentFirstLsn)}`;
    last = undefined;
    return cache.once(path, async (handle) => {
      // Beside a large frame the one behind it would be cut off, and be read again.
      const bytes = Buffer.allocUnsafeSlow(length * SMALL_SHARE > aheadBytes ? length : aheadBytes);
      const count = await readUpTo(handle, bytes, position);
      chunk = { segmentFirstLsn, position, bytes: bytes.subarray(0, count) };
      const frame = inChunk(place);
      if (frame === undefined) throw corrupt(data, path, position, `frame ${lsn} is not valid, and was before`);
      return frame;
    });
  };

  return {
    read: async (place) => {
      if (last?.lsn === place.lsn) return last.bytes;
      const bytes = inChunk(place) ?? (await load(place));
      last = { lsn: place.lsn, bytes };
      return bytes;
    },
  };
}
