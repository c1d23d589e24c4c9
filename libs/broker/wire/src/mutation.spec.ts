import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { isPulsesError } from '@pulses/shared-errors';
import fc from 'fast-check';
import { crc32 } from 'node:zlib';
import { createFrameAssembler, type Frame } from './frame';
import { FRAME_BYTES_MAX } from './limits';
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from './messages/messages';
import { anyRequest, anyResponse } from './testing/arbitraries';

const CODES = ['PROTOCOL_VIOLATION', 'MESSAGE_TOO_LARGE', 'TOPIC_INVALID'];

const anyFrame = fc.oneof(
  anyRequest.map((request) => Buffer.concat(encodeRequest(7, request))),
  anyResponse.map((response) => Buffer.concat(encodeResponse(7, response))),
);

/** One change of a byte sequence; positions are taken modulo its length. */
type Mutation =
  | { readonly kind: 'flip'; readonly at: number; readonly bits: number }
  | { readonly kind: 'remove'; readonly at: number; readonly count: number }
  | { readonly kind: 'insert' | 'overwrite'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'repeat'; readonly at: number; readonly count: number };

const at = fc.nat();
// Also at the front: where lengths, checksums and counts are.
const position = fc.oneof(at, fc.nat({ max: 24 }));
const bytes = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 8 }),
  fc.constantFrom(
    Uint8Array.of(0xff, 0xff, 0xff, 0xff),
    Uint8Array.of(0, 0, 0, 0),
    Uint8Array.of(0xff, 0xff),
    Uint8Array.of(0xc3),
  ),
);
const anyMutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: position, bits: fc.integer({ min: 1, max: 255 }) }),
  fc.record({ kind: fc.constant('remove' as const), at: position, count: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ kind: fc.constantFrom('insert' as const, 'overwrite' as const), at: position, bytes }),
  fc.record({ kind: fc.constant('repeat' as const), at: position, count: fc.integer({ min: 1, max: 40 }) }),
);
const mutations = fc.array(anyMutation, { minLength: 1, maxLength: 4 });

function mutate(original: Buffer, mutation: Mutation): Buffer {
  if (original.byteLength === 0) return original;
  const start = mutation.at % original.byteLength;
  const [before, after] = [original.subarray(0, start), original.subarray(start)];
  switch (mutation.kind) {
    case 'flip':
      return Buffer.concat([before, Buffer.of(after.readUInt8(0) ^ mutation.bits), after.subarray(1)]);
    case 'remove':
      return Buffer.concat([before, after.subarray(mutation.count)]);
    case 'insert':
      return Buffer.concat([before, mutation.bytes, after]);
    case 'overwrite':
      return Buffer.concat([before, mutation.bytes, after.subarray(mutation.bytes.byteLength)]);
    case 'repeat':
      return Buffer.concat([before, after.subarray(0, mutation.count), after]);
  }
}

/** What comes out of a stream: the frames, then perhaps the code that it ended with. */
interface Outcome {
  readonly frames: Frame[];
  readonly failure: string | undefined;
}

/** The document's rules, over a stream that is there as a whole. */
function readWhole(stream: Buffer): Outcome {
  const frames: Frame[] = [];
  let start = 0;
  while (stream.byteLength - start >= 4) {
    const length = stream.readUInt32LE(start);
    if (length < 12) return { frames, failure: 'PROTOCOL_VIOLATION' };
    if (length + 4 > FRAME_BYTES_MAX) return { frames, failure: 'MESSAGE_TOO_LARGE' };
    const end = start + 4 + length;
    if (end > stream.byteLength) break;
    const bodyEnd = end - stream.readUIntLE(start + 9, 3);
    const isSound =
      bodyEnd >= start + 16 && stream.readUInt32LE(start + 4) === crc32(stream.subarray(start + 8, bodyEnd));
    if (!isSound) return { frames, failure: 'PROTOCOL_VIOLATION' };
    frames.push({
      type: stream.readUInt8(start + 8),
      correlation: stream.readUInt32LE(start + 12),
      body: Buffer.from(stream.subarray(start + 16, bodyEnd)),
      payload: Buffer.from(stream.subarray(bodyEnd, end)),
    });
    start = end;
  }
  return { frames, failure: undefined };
}

/** One byte at a time, so that the frames before a failure are seen. */
function assembleByBytes(stream: Buffer): Outcome {
  const assembler = createFrameAssembler();
  const frames: Frame[] = [];
  try {
    for (const byte of stream) frames.push(...assembler.push(Uint8Array.of(byte)));
  } catch (error) {
    return { frames, failure: codeOf(error) };
  }
  return { frames, failure: undefined };
}

/** @throws what is no error that a peer's bytes may cause */
function codeOf(error: unknown): string {
  if (!isPulsesError(error)) throw error;
  expect(CODES).toContain(error.code);
  return error.code;
}

const comparable = ({ frames, failure }: Outcome) => ({
  failure,
  frames: frames.map(({ type, correlation, body, payload }) => [
    type,
    correlation,
    Buffer.from(body).toString('hex'),
    Buffer.from(payload).toString('hex'),
  ]),
});

/** The bytes that the code writes for what it has read; undefined when it refuses to read it. */
function readAndWrite(frame: Frame): Buffer | undefined {
  try {
    return Buffer.concat(
      frame.type < 128
        ? encodeRequest(frame.correlation, decodeRequest(frame))
        : encodeResponse(frame.correlation, decodeResponse(frame)),
    );
  } catch (error) {
    codeOf(error);
    return undefined;
  }
}

const MUTANTS = SCALE.sizeOf({ sample: 1_500, fault: 5_000 });

describe('mutated streams', () => {
  it('give exactly the frames whose checksums are right, then an error of a peer or nothing', () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { minLength: 1, maxLength: 3 }), mutations, (frames, changes) => {
        const stream = changes.reduce(mutate, Buffer.concat(frames));
        expect(comparable(assembleByBytes(stream))).toEqual(comparable(readWhole(stream)));
      }),
      { numRuns: SCALE.sizeOf({ sample: 400, fault: 3_000 }) },
    );
  });

  it('fail alike however they are cut', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(
        fc.array(anyFrame, { minLength: 1, maxLength: 3 }),
        mutations,
        sizes,
        (frames, changes, chunkSizes) => {
          const stream = changes.reduce(mutate, Buffer.concat(frames));
          const expected = readWhole(stream);
          const assembler = createFrameAssembler();
          const seen: Frame[] = [];
          let failure: string | undefined;
          for (let start = 0, turn = 0; start < stream.byteLength && failure === undefined; turn += 1) {
            const size = chunkSizes[turn % chunkSizes.length] ?? 1;
            try {
              seen.push(...assembler.push(stream.subarray(start, start + size)));
            } catch (error) {
              failure = codeOf(error);
            }
            start += size;
          }
          // Frames of the very chunk that fails are lost with it.
          const { frames: whole } = expected;
          const kept = {
            frames: failure === undefined ? whole : whole.slice(0, seen.length),
            failure: expected.failure,
          };
          expect(comparable({ frames: seen, failure })).toEqual(comparable(kept));
        },
      ),
      { numRuns: SCALE.sizeOf({ sample: 400, fault: 3_000 }) },
    );
  });

  it('fail for a payload that is longer than the frame, also when the checksum is right', () => {
    fc.assert(
      fc.property(anyFrame, fc.oneof(fc.integer({ min: 1, max: 8 }), fc.nat({ max: 0xff_ff00 })), (original, more) => {
        const frame = Buffer.from(original);
        frame.writeUIntLE(Math.min(0xff_ffff, frame.length - 15 + more), 9, 3);
        frame.writeUInt32LE(crc32(frame.subarray(8, Math.max(8, 15 - more))), 4);
        expect(assembleByBytes(frame)).toEqual({ frames: [], failure: 'PROTOCOL_VIOLATION' });
      }),
      { numRuns: 300 },
    );
  });

  it('never decode to another message than their bytes say, also when the checksum is right', () => {
    let decoded = 0;
    fc.assert(
      fc.property(anyFrame, mutations, fc.boolean(), (original, changes, changesType) => {
        const bodyEnd = original.length - original.readUIntLE(9, 3);
        const body = changes.reduce(mutate, original.subarray(16, bodyEnd));
        const payload = original.subarray(bodyEnd);
        const type = changesType ? (changes[0]?.at ?? 0) % 256 : original.readUInt8(8);
        const written = readAndWrite({ type, correlation: 7, body, payload });
        if (written === undefined) return;
        decoded += 1;
        // There is one way to write a message, so what was read wrong would be written differently.
        expect(written.subarray(16).toString('hex')).toBe(Buffer.concat([body, payload]).toString('hex'));
        expect(written.readUInt8(8)).toBe(type);
      }),
      { numRuns: MUTANTS },
    );
    // Else the property would hold for a decoder that refuses everything.
    expect(decoded).toBeGreaterThan(MUTANTS / 50);
  });
});
