// Reads payloads of frames from journal segments, for messages that are neither in memory nor in runs.
//
// Guarantees: a payload is checked as a whole before a byte of it is given out. Bounds: one window of a segment stays in
// memory, for a reader that continues there.

import { crc32 } from 'node:zlib';
import type { Directories } from '../disk/data-directory';
import { corrupt } from '../disk/disk-errors';
import { readUpTo } from '../disk/full-io';
import { segmentName } from '../journal/segment-header';
import type { UnsealedSegment } from '../segments/unsealed';
import type { HandleCache } from './handle-cache';

const WINDOW_BYTES = 256 * 1024;

interface Window {
  readonly firstLsn: number;
  readonly from: number;
  readonly bytes: Buffer;
}

export class SegmentReader {
  readonly #directories: Directories;
  readonly #handles: HandleCache;
  #window: Window = { firstLsn: 0, from: 0, bytes: Buffer.alloc(0) };
  /** Frames of the window that were checked, by where their payload starts. */
  #checked = new Set<number>();

  constructor(directories: Directories, handles: HandleCache) {
    this.#directories = directories;
    this.#handles = handles;
  }

  pathOf(firstLsn: number): string {
    return `${this.#directories.journal}/${segmentName(firstLsn)}`;
  }

  /**
   * The bytes of a piece. They are not to be kept.
   * @throws PulsesError JOURNAL_CORRUPT; the port's error
   */
  async piece(segment: UnsealedSegment, at: number): Promise<Uint8Array> {
    const frame = segment.frameOf(at);
    const payload = segment.payloadOf(frame);
    const window = await this.#windowWith(segment, payload.at, payload.length);
    const start = payload.at - window.from;
    const path = this.pathOf(segment.firstLsn);
    if (!this.#checked.has(payload.at) || window !== this.#window) {
      const isWhole = start + payload.length <= window.bytes.length;
      if (!isWhole || crc32(window.bytes.subarray(start, start + payload.length)) !== payload.crc) {
        const what = `the payload of frame ${segment.firstLsn + frame} is not valid`;
        throw corrupt(this.#directories.data, path, payload.at, what);
      }
      if (window === this.#window) this.#checked.add(payload.at);
    }
    const from = segment.placeOf(at) - window.from;
    return window.bytes.subarray(from, from + segment.lengthOf(at));
  }

  /** The segment is gone. */
  forget(firstLsn: number): void {
    this.#handles.drop(this.pathOf(firstLsn));
  }

  async #windowWith({ firstLsn, end }: UnsealedSegment, at: number, length: number): Promise<Window> {
    const known = this.#window;
    const isThere = known.firstLsn === firstLsn && known.from <= at && at + length <= known.from + known.bytes.length;
    if (isThere) return known;
    const bytes = Buffer.allocUnsafeSlow(Math.min(Math.max(length, WINDOW_BYTES), end - at));
    const count = await this.#handles.use(this.pathOf(firstLsn), (handle) => readUpTo(handle, bytes, at));
    this.#window = { firstLsn, from: at, bytes: bytes.subarray(0, count) };
    this.#checked = new Set();
    return this.#window;
  }
}
