// Frames: how messages are cut out of a byte stream.
//
//   frame = length:u32 crc:u32 type:u8 payloadLength:u24 correlation:u32 body payload
//
// `length` counts everything behind itself; `crc` is the CRC-32 (IEEE 802.3) of everything from `type` to the end of the
// body. A payload has checksums of its own, among the fields of the body: they are made by its first sender.
//
// Guarantees: a frame comes out complete, and unchanged but for its payload, or the stream fails. Bounds: FRAME_BYTES_MAX;
// memory for an incomplete frame grows with the bytes received, not with the length it claims.

import { crc32 } from 'node:zlib';
import { PulsesError } from '@pulses/shared-errors';
import { violation } from './body';
import { createPartialFrameBuffer } from './partial-frame-buffer';
import { FRAME_BYTES_MAX } from './limits';
import { freeChunk, LARGE_BYTES, type ChunkOwnership } from './memory';
import type { PayloadParts } from './payload-parts';

/** Bytes before the body. */
export const FRAME_HEADER_BYTES = 16;
const LENGTH_BYTES = 4;
const LENGTH_MIN = FRAME_HEADER_BYTES - LENGTH_BYTES;
const CRC_END = 8;
const PAYLOAD_LENGTH_AT = 9;
const PAYLOAD_LENGTH_BYTES = 3;

/** One frame as it came in; `body` and `payload` are views that belong to the caller. */
export interface Frame {
  readonly type: number;
  readonly correlation: number;
  readonly body: Uint8Array;
  /** Not checked yet: the fields of the body tell its checksums. */
  readonly payload: Uint8Array;
  /** Set when a large buffer belongs to this frame alone. The last user of the frame frees it; see memory.ts. */
  readonly memory?: ArrayBufferLike | undefined;
}

/**
 * Fills in the header at the start of `head`, which the body follows, and answers all parts of the frame.
 * @throws PulsesError MESSAGE_TOO_LARGE
 */
export function sealFrame(type: number, correlation: number, head: Buffer, payload: PayloadParts): Uint8Array[] {
  const total = head.length + payload.length;
  if (total > FRAME_BYTES_MAX)
    throw new PulsesError('MESSAGE_TOO_LARGE', `a frame of ${total} bytes; at most ${FRAME_BYTES_MAX} are allowed`);
  head.writeUInt32LE(total - LENGTH_BYTES, 0);
  head.writeUInt8(type, 8);
  head.writeUIntLE(payload.length, PAYLOAD_LENGTH_AT, PAYLOAD_LENGTH_BYTES);
  head.writeUInt32LE(correlation, 12);
  head.writeUInt32LE(crc32(head.subarray(CRC_END)), LENGTH_BYTES);
  return [head, ...payload.parts];
}

/** @see createFrameAssembler */
export interface FrameAssembler {
  /**
   * Takes bytes of the stream and returns the frames that are now complete.
   * @throws PulsesError PROTOCOL_VIOLATION or MESSAGE_TOO_LARGE; the stream is then of no more use
   */
  push(chunk: Uint8Array): Frame[];
  /** Bytes held for an incomplete frame. */
  readonly pendingBytes: number;
  /** Drops the incomplete frame: nothing more is pushed. */
  drop(): void;
}

/**
 * Cuts a byte stream into frames. A frame that lies whole in one chunk is not copied.
 *
 * @param ownership `ownsChunks`: a pushed chunk belongs to the assembler, which frees large ones at once when no frame
 *   refers to them
 */
export function createFrameAssembler({ ownsChunks = false }: ChunkOwnership = {}): FrameAssembler {
  return new Assembler(ownsChunks);
}

class Assembler implements FrameAssembler {
  /** An incomplete frame; it expects its length once that is known. */
  private readonly held = createPartialFrameBuffer();

  constructor(private readonly ownsChunks: boolean) {}

  get pendingBytes(): number {
    return this.held.length;
  }

  push(bytes: Uint8Array): Frame[] {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const frames: Frame[] = [];
    const heldEnd = this.completeHeld(chunk, frames);
    let position = heldEnd;
    while (chunk.byteLength - position >= LENGTH_BYTES) {
      const frameBytes = frameBytesAt(chunk, position);
      if (chunk.byteLength - position < frameBytes) {
        this.held.expectedBytes = frameBytes;
        break;
      }
      frames.push(openFrame(chunk.subarray(position, position + frameBytes), undefined));
      position += frameBytes;
    }
    if (position < chunk.byteLength) this.held.add(chunk.subarray(position));
    // No frame refers to it.
    if (this.ownsChunks && position === heldEnd) freeChunk(chunk);
    return frames;
  }

  drop(): void {
    this.held.drop();
  }

  /** Completes the held frame, if any, from the chunk. Returns where the rest of the chunk starts. */
  private completeHeld(chunk: Buffer, frames: Frame[]): number {
    const { held } = this;
    if (held.length === 0) return 0;
    let position = 0;
    if (held.expectedBytes === undefined) {
      position = this.holdUpTo(LENGTH_BYTES, chunk, position);
      if (held.length < LENGTH_BYTES) return position;
      const start = held.take();
      held.expectedBytes = frameBytesAt(start, 0);
      held.add(start);
    }
    position += this.holdUpTo(held.expectedBytes, chunk, position);
    if (held.length < held.expectedBytes) return position;
    const whole = held.take();
    frames.push(openFrame(whole, whole.buffer.byteLength >= LARGE_BYTES ? whole.buffer : undefined));
    return position;
  }

  /** Appends bytes of the chunk to those held, until `target` are held or the chunk ends. Returns how many. */
  private holdUpTo(target: number, chunk: Buffer, from: number): number {
    const count = Math.min(target - this.held.length, chunk.byteLength - from);
    if (count > 0) this.held.add(chunk.subarray(from, from + count));
    return Math.max(0, count);
  }
}

function frameBytesAt(bytes: Buffer, position: number): number {
  const length = bytes.readUInt32LE(position);
  if (length < LENGTH_MIN) throw violation(`a length of ${length}`);
  if (length > FRAME_BYTES_MAX - LENGTH_BYTES)
    throw new PulsesError('MESSAGE_TOO_LARGE', `a frame of ${length} bytes; at most ${FRAME_BYTES_MAX} are allowed`);
  return LENGTH_BYTES + length;
}

function openFrame(bytes: Buffer, memory: ArrayBufferLike | undefined): Frame {
  const bodyEnd = bytes.length - bytes.readUIntLE(PAYLOAD_LENGTH_AT, PAYLOAD_LENGTH_BYTES);
  if (bodyEnd < FRAME_HEADER_BYTES) throw violation('the payload is longer than the frame');
  if (crc32(bytes.subarray(CRC_END, bodyEnd)) !== bytes.readUInt32LE(LENGTH_BYTES))
    throw violation('the checksum does not match');
  return {
    type: bytes.readUInt8(8),
    correlation: bytes.readUInt32LE(12),
    body: bytes.subarray(FRAME_HEADER_BYTES, bodyEnd),
    payload: bytes.subarray(bodyEnd),
    memory,
  };
}
