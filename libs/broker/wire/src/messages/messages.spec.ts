import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createFrameAssembler, type Frame } from '../frame';
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from './messages';
import { anyRequest, anyResponse } from '../testing/arbitraries';

const frameOf = (parts: readonly Uint8Array[]): Frame => {
  const [frame, ...others] = createFrameAssembler().push(Buffer.concat(parts));
  expect(others).toEqual([]);
  if (frame === undefined) throw new Error('one frame was written');
  return frame;
};

/** Views into a frame as plain arrays, so that messages compare by value. */
const plain = (message: unknown): unknown =>
  JSON.parse(
    JSON.stringify(message, (_key, value: unknown) =>
      ArrayBuffer.isView(value)
        ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')
        : isBufferJson(value)
          ? Buffer.from(value.data).toString('hex')
          : value,
    ),
  );

const isBufferJson = (value: unknown): value is { type: 'Buffer'; data: number[] } =>
  typeof value === 'object' && value !== null && (value as { type?: unknown }).type === 'Buffer';

describe('messages', () => {
  it('every request survives the way through bytes', () => {
    fc.assert(
      fc.property(anyRequest, fc.integer({ min: 0, max: 0xffff_ffff }), (request, correlation) => {
        const frame = frameOf(encodeRequest(correlation, request));
        expect(frame.correlation).toBe(correlation);
        expect(plain(decodeRequest(frame))).toEqual(plain(request));
      }),
      { numRuns: 1000 },
    );
  });

  it('every response survives the way through bytes', () => {
    fc.assert(
      fc.property(anyResponse, (response) => {
        expect(plain(decodeResponse(frameOf(encodeResponse(1, response))))).toEqual(plain(response));
      }),
      { numRuns: 1000 },
    );
  });

  it('refuses bytes left over, lists longer than the body, and text that is not UTF-8', () => {
    const ping = frameOf(encodeRequest(1, { type: 'ping' }));
    expect(() => decodeRequest({ ...ping, body: Buffer.of(0) })).toThrow(/left over/);
    const deletion = frameOf(encodeRequest(1, { type: 'delete-topics', topics: [] }));
    expect(() => decodeRequest({ ...deletion, body: Buffer.of(0xff, 0xff, 0xff, 0x7f) })).toThrow(
      /larger than the bytes after it/,
    );
    const creation = frameOf(encodeRequest(1, { type: 'create-topic', topic: 'x' }));
    expect(() => decodeRequest({ ...creation, body: Buffer.of(1, 0, 0xff) })).toThrow(/UTF-8/);
  });

  it('refuses an unknown type and a topic without a name', () => {
    expect(() => decodeRequest({ type: 99, correlation: 0, body: Buffer.alloc(0), payload: Buffer.alloc(0) })).toThrow(
      /type 99/,
    );
    const creation = frameOf(encodeRequest(1, { type: 'create-topic', topic: '' }));
    expect(() => decodeRequest(creation)).toThrow(/topic/i);
  });
});
