// Frames that are wrong on purpose, from a seed, and what a stream of bytes holds by the document's rules alone.

import type { Random } from '@pulses/shared-ports';
import { crc32 } from 'node:zlib';

const HEADER_BYTES = 16;
const CHECKED_FROM = 8;
const FRAME_BYTES_MAX = 16 * 1024 * 1024;
const DELETE_TOPICS = 11;

/** Two to four frames in, one stretch of bytes out. */
export type Mutation = (frames: readonly Buffer[]) => Buffer;

/** Writes length and checksum anew, so that the decoder behind them is reached. */
function sealed(frame: Buffer): Buffer {
  if (frame.byteLength < HEADER_BYTES) return frame;
  const copy = Buffer.from(frame);
  copy.writeUInt32LE(copy.byteLength - 4, 0);
  const bodyEnd = Math.max(HEADER_BYTES, copy.byteLength - payloadLengthOf(copy, 0));
  copy.writeUInt32LE(crc32(copy.subarray(CHECKED_FROM, bodyEnd)), 4);
  return copy;
}

function payloadLengthOf(bytes: Buffer, start: number): number {
  return bytes.readUIntLE(start + 9, 3);
}

/** Numbers that lengths and counts are wrong with. */
const EXTREMES = [0, 1, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

export function createMutator(random: Random): {
  readonly names: readonly string[];
  mutate(frames: readonly Buffer[]): Buffer;
} {
  const below = (limit: number): number => Math.floor(random.fraction() * limit);
  const within = (frame: Buffer): number => HEADER_BYTES + below(Math.max(1, frame.byteLength - HEADER_BYTES));
  const changed = (frame: Buffer, change: (copy: Buffer) => void): Buffer => {
    const copy = Buffer.from(frame);
    change(copy);
    return copy;
  };
  const flip = (frame: Buffer, from: number): Buffer =>
    changed(frame, (copy) => {
      const at = from + below(copy.byteLength - from);
      copy[at] = (copy[at] ?? 0) ^ (1 << below(8));
    });
  const first = ([frame]: readonly Buffer[]): Buffer => frame ?? Buffer.alloc(0);
  const alone =
    (change: (frame: Buffer) => Buffer): Mutation =>
    (frames) =>
      change(first(frames));

  const mutations: Readonly<Record<string, Mutation>> = {
    'a flipped bit': alone((frame) => flip(frame, 0)),
    'a flipped bit, checksum right': alone((frame) => sealed(flip(frame, CHECKED_FROM))),
    'several flipped bits, checksum right': alone((frame) => {
      let result = frame;
      for (let flips = 1 + below(6); flips > 0; flips -= 1)
        result = flip(result, HEADER_BYTES < result.byteLength ? HEADER_BYTES : CHECKED_FROM);
      return sealed(result);
    }),
    'cut short': alone((frame) => frame.subarray(0, 1 + below(frame.byteLength - 1))),
    'body cut short, checksum right': alone((frame) => sealed(frame.subarray(0, within(frame)))),
    'a length that lies': alone((frame) =>
      changed(frame, (copy) => {
        copy.writeUInt32LE(below(2) === 0 ? (EXTREMES[below(EXTREMES.length)] ?? 0) : below(copy.byteLength * 2), 0);
      }),
    ),
    'a number of the body that lies, checksum right': alone((frame) =>
      sealed(
        changed(frame, (copy) => {
          const value = EXTREMES[below(EXTREMES.length)] ?? 0;
          const at = within(copy);
          if (at + 4 <= copy.byteLength && below(2) === 0) copy.writeUInt32LE(value, at);
          else if (at + 2 <= copy.byteLength) copy.writeUInt16LE(value & 0xffff, at);
        }),
      ),
    ),
    'another type, checksum right': alone((frame) =>
      sealed(changed(frame, (copy) => copy.writeUInt8(below(2) === 0 ? below(18) : below(256), 8))),
    ),
    'bytes put in, checksum right': alone((frame) => {
      const at = within(frame);
      return sealed(Buffer.concat([frame.subarray(0, at), random.bytes(1 + below(8)), frame.subarray(at)]));
    }),
    'bytes taken out, checksum right': alone((frame) => {
      const at = within(frame);
      return sealed(Buffer.concat([frame.subarray(0, at), frame.subarray(at + 1 + below(8))]));
    }),
    'bytes overwritten, checksum right': alone((frame) =>
      sealed(
        changed(frame, (copy) => {
          const at = within(copy);
          copy.set(random.bytes(1 + below(8)).subarray(0, copy.byteLength - at), at);
        }),
      ),
    ),
    'sent twice': (frames) => Buffer.concat([first(frames), first(frames)]),
    'in another order': (frames) => Buffer.concat(frames.toReversed()),
    'spliced, checksum right': (frames) => {
      const [left, right] = [first(frames), frames.at(-1) ?? first(frames)];
      return sealed(Buffer.concat([left.subarray(0, within(left)), right.subarray(within(right))]));
    },
    spliced: (frames) => {
      const stream = Buffer.concat(frames);
      const [from, to] = [below(stream.byteLength), below(stream.byteLength)];
      return Buffer.concat([stream.subarray(0, from + 1), stream.subarray(to)]);
    },
    noise: alone((frame) => Buffer.from(random.bytes(1 + below(frame.byteLength)))),
  };
  const names = Object.keys(mutations);
  return {
    names,
    mutate: (frames) => mutations[names[below(names.length)] ?? '']?.(frames) ?? first(frames),
  };
}

export interface WholeFrame {
  readonly type: number;
  readonly correlation: number;
}

export type StreamEnd = 'whole' | 'unfinished' | 'broken';

interface StreamContent {
  readonly frames: WholeFrame[];
  readonly end: StreamEnd;
  /** What is behind the last whole frame. */
  readonly rest: Buffer;
  /** One of the frames asks for the deletion of every topic. */
  readonly deletesAll: boolean;
}

/** What a reader that follows the document alone finds: the complete frames, and how the stream ends. */
export function readStream(stream: Buffer): StreamContent {
  const frames: WholeFrame[] = [];
  let deletesAll = false;
  let start = 0;
  const found = (end: StreamEnd): StreamContent => ({ frames, end, rest: stream.subarray(start), deletesAll });
  while (stream.byteLength - start >= 4) {
    const length = stream.readUInt32LE(start);
    const end = start + 4 + length;
    if (length < HEADER_BYTES - 4 || length + 4 > FRAME_BYTES_MAX) return found('broken');
    if (end > stream.byteLength) break;
    const bodyEnd = end - payloadLengthOf(stream, start);
    if (bodyEnd < start + HEADER_BYTES) return found('broken');
    if (stream.readUInt32LE(start + 4) !== crc32(stream.subarray(start + CHECKED_FROM, bodyEnd)))
      return found('broken');
    const type = stream.readUInt8(start + 8);
    frames.push({ type, correlation: stream.readUInt32LE(start + 12) });
    // A list of no names stands for every topic.
    if (type === DELETE_TOPICS && length === HEADER_BYTES && stream.readUInt32LE(start + HEADER_BYTES) === 0)
      deletesAll = true;
    start = end;
  }
  return found(start === stream.byteLength ? 'whole' : 'unfinished');
}
