import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { isPulsesError } from '@pulses/shared-errors';
import fc from 'fast-check';
import { createFrameAssembler, sealFrame, type Frame } from './frame';
import { FRAME_BYTES_MAX } from './limits';
import { PayloadParts } from './payload-parts';
import { decodeRequest, encodeRequest, type Request } from './messages/messages';
import { anyRequest } from './testing/arbitraries';

const bytesOf = (parts: readonly Uint8Array[]) => Buffer.concat(parts);

function assemble(bytes: Uint8Array, chunkSizes: readonly number[]): Frame[] {
  const assembler = createFrameAssembler();
  const frames: Frame[] = [];
  let position = 0;
  for (let turn = 0; position < bytes.byteLength; turn += 1) {
    const size = chunkSizes[turn % chunkSizes.length] ?? 1;
    // A copy, as a socket hands out chunks of its own.
    frames.push(...assembler.push(bytes.slice(position, position + size)));
    position += size;
  }
  expect(assembler.pendingBytes).toBe(0);
  return frames;
}

/** A frame with a body and a payload of the given sizes. */
function framed(bodyBytes: number, payloadBytes = 0): Buffer {
  const bytes = Buffer.from(Array.from({ length: bodyBytes + payloadBytes }, (_, index) => index % 251));
  const payload = new PayloadParts();
  payload.add(bytes.subarray(bodyBytes));
  return bytesOf(sealFrame(1, 7, Buffer.concat([Buffer.alloc(16), bytes.subarray(0, bodyBytes)]), payload));
}

describe('frames', () => {
  it('come out as they went in, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(anyRequest, { minLength: 1, maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 }),
        (requests, chunkSizes) => {
          const stream = bytesOf(requests.flatMap((request, index) => encodeRequest(index, request)));
          const frames = assemble(stream, chunkSizes);
          expect(frames.map(({ correlation }) => correlation)).toEqual(requests.map((_, index) => index));
          const hexOf = (index: number, request: Request) => bytesOf(encodeRequest(index, request)).toString('hex');
          expect(frames.map((frame) => hexOf(frame.correlation, decodeRequest(frame)))).toEqual(
            requests.map((request, index) => hexOf(index, request)),
          );
        },
      ),
      { numRuns: 300 },
    );
  });

  it('never come out changed but for their payload: a mutated stream gives that, nothing yet, or an error', () => {
    fc.assert(
      fc.property(anyRequest, fc.nat(), fc.integer({ min: 1, max: 255 }), (request, at, flip) => {
        const original = bytesOf(encodeRequest(7, request));
        const mutated = Buffer.from(original);
        const position = at % mutated.byteLength;
        mutated[position] = (mutated[position] ?? 0) ^ flip;
        try {
          const [frame, ...others] = createFrameAssembler().push(mutated);
          expect(others).toEqual([]);
          if (frame === undefined) return;
          expect(position).toBeGreaterThanOrEqual(mutated.byteLength - frame.payload.length);
          expect(Buffer.from(frame.body)).toEqual(original.subarray(16, mutated.byteLength - frame.payload.length));
        } catch (error) {
          if (!isPulsesError(error)) throw error;
          expect(['PROTOCOL_VIOLATION', 'MESSAGE_TOO_LARGE']).toContain(error.code);
        }
      }),
      { numRuns: SCALE.sizeOf({ sample: 1_500, fault: 20_000 }) },
    );
  });

  it('are refused above the limit before their bytes are held', () => {
    const header = Buffer.alloc(16);
    header.writeUInt32LE(FRAME_BYTES_MAX - 3);
    expect(() => createFrameAssembler().push(header)).toThrow(/at most/);
    header.writeUInt32LE(FRAME_BYTES_MAX - 4);
    const assembler = createFrameAssembler();
    expect(assembler.push(header)).toEqual([]);
    expect(assembler.pendingBytes).toBe(16);
  });

  it('give a large chunk of the assembler back at once when they do not refer to it', () => {
    const stream = Buffer.concat([framed(100), framed(90_000), framed(50)]);
    const assembler = createFrameAssembler({ ownsChunks: true });
    const push = (from: number, to: number) => {
      const chunk = new Uint8Array(stream.subarray(from, to)); // memory of its own
      return { chunk, frames: assembler.push(chunk) };
    };
    const [first, second, third] = [push(0, 30_000), push(30_000, 60_000), push(60_000, stream.length)];
    expect([first, second, third].map(({ frames }) => frames.length)).toEqual([1, 0, 2]);
    expect([first, second, third].map(({ chunk }) => chunk.length)).toEqual([30_000, 0, stream.length - 60_000]);
    const [large] = third.frames;
    expect(Buffer.from(large?.body ?? []).equals(framed(90_000).subarray(16))).toBe(true);
    expect(large?.memory).toBe(large?.body.buffer);
  });

  it('leave a chunk alone that shares its memory, that is small, or that belongs to another owner', () => {
    const stream = framed(90_000);
    const assembler = createFrameAssembler({ ownsChunks: true });
    const small = new Uint8Array(stream.subarray(40_000, 41_000));
    assembler.push(stream.subarray(0, 40_000));
    assembler.push(small);
    const foreign = new Uint8Array(stream.subarray(0, 40_000));
    createFrameAssembler().push(foreign);
    expect([stream.length, small.length, foreign.length]).toEqual([90_016, 1_000, 40_000]);
  });

  it('may have a body that is not a message, which decoding refuses', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), fc.uint8Array({ maxLength: 200 }), (type, body) => {
        try {
          decodeRequest({ type, correlation: 0, body, payload: body.subarray(0, 3) });
        } catch (error) {
          if (!isPulsesError(error)) throw error;
        }
      }),
      { numRuns: SCALE.sizeOf({ sample: 1_500, fault: 20_000 }) },
    );
  });
});
