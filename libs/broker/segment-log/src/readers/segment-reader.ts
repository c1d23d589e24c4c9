// Reads payloads of frames from journal segments, for messages that are neither in memory nor in runs.
//
// A frame of many topics can be several MiB long, and a reader wants one of them. So a large frame is read as a whole once,
// to check it, and each piece by its own CRC from then on.
//
// Guarantees: no byte is given out that was not checked when it was read. Bounds: one window of a segment stays in memory,
// for a reader that continues there, and the large frames that are being checked.

import { crc32 } from 'node:zlib';
import { freeMemory } from '@pulses/broker-wire';
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
  /** Checks of large frames, by segment and frame. */
  readonly #checks = new Map<string, Promise<void>>();

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
    if (payload.length > WINDOW_BYTES && segment.crcOf(at) === undefined) return await this.#pieceOfLarge(segment, at);
    const window = await this.#windowWith(segment, payload.at, payload.length);
    const start = payload.at - window.from;
    if (!this.#checked.has(payload.at) || window !== this.#window) {
      this.#check(segment, frame, window.bytes.subarray(start, start + payload.length));
      if (window === this.#window) this.#checked.add(payload.at);
    }
    const from = segment.placeOf(at) - window.from;
    return window.bytes.subarray(from, from + segment.lengthOf(at));
  }

  /** The segment is gone. */
  forget(firstLsn: number): void {
    this.#handles.drop(this.pathOf(firstLsn));
  }

  async #pieceOfLarge(segment: UnsealedSegment, at: number): Promise<Uint8Array> {
    const frame = segment.frameOf(at);
    if (!segment.hasPieceCrcs(frame)) await this.#checkLarge(segment, frame);
    const [place, crc] = [segment.placeOf(at), segment.pieceCrcOf(at)];
    const bytes = await this.#bytes(segment.firstLsn, place, segment.lengthOf(at));
    if (bytes.length < segment.lengthOf(at) || crc32(bytes) !== crc) throw this.#corrupt(segment, frame, place);
    return bytes;
  }

  /** Resolves once the segment has the CRCs of the frame's pieces. Readers at the same time share one check. */
  async #checkLarge(segment: UnsealedSegment, frame: number): Promise<void> {
    const key = `${segment.firstLsn}/${frame}`;
    const under = this.#checks.get(key);
    if (under !== undefined) {
      await under;
      return;
    }
    const check = this.#readLarge(segment, frame).finally(() => this.#checks.delete(key));
    this.#checks.set(key, check);
    await check;
  }

  async #readLarge(segment: UnsealedSegment, frame: number): Promise<void> {
    const { at, length } = segment.payloadOf(frame);
    const bytes = await this.#bytes(segment.firstLsn, at, length);
    this.#check(segment, frame, bytes);
    segment.keepPieceCrcs(frame, bytes);
    freeMemory(bytes.buffer);
  }

  #check(segment: UnsealedSegment, frame: number, bytes: Uint8Array): void {
    const { at, length, crc } = segment.payloadOf(frame);
    if (bytes.length < length || crc32(bytes) !== crc) throw this.#corrupt(segment, frame, at);
  }

  #corrupt({ firstLsn }: UnsealedSegment, frame: number, at: number): Error {
    const what = `the payload of frame ${firstLsn + frame} is not valid`;
    return corrupt(this.#directories.data, this.pathOf(firstLsn), at, what);
  }

  async #bytes(firstLsn: number, at: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(length);
    const count = await this.#handles.use(this.pathOf(firstLsn), (handle) => readUpTo(handle, bytes, at));
    return bytes.subarray(0, count);
  }

  async #windowWith({ firstLsn, end }: UnsealedSegment, at: number, length: number): Promise<Window> {
    const known = this.#window;
    const isThere = known.firstLsn === firstLsn && known.from <= at && at + length <= known.from + known.bytes.length;
    if (isThere) return known;
    const bytes = await this.#bytes(firstLsn, at, Math.min(Math.max(length, WINDOW_BYTES), end - at));
    this.#window = { firstLsn, from: at, bytes };
    this.#checked = new Set();
    return this.#window;
  }
}
