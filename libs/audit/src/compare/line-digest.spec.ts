import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { LineDigest, type DigestMemory } from './line-digest';

function write(digest: LineDigest, line: Buffer): void {
  digest.reserve(line.length + 7);
  line.copy(digest.buffer, digest.position);
  digest.wrote(digest.position + line.length);
}

describe('the digest of lines', () => {
  it('is that of their bytes, whether they are written one by one or taken in pieces of any size', () => {
    const line = fc
      .integer({ min: 1, max: 6000 })
      .map((length) => Buffer.concat([Buffer.alloc(length, length), Buffer.from('\n')]));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 40 }), fc.nat(7), (lines, piece) => {
        const [written, taken] = [new LineDigest({ bytes: 0 }), new LineDigest({ bytes: 0 })];
        for (const one of lines) write(written, one);
        for (let index = 0; index < lines.length; index += piece + 1) {
          const some = lines.slice(index, index + piece + 1);
          const bytes = Buffer.concat([Buffer.from('before'), ...some, Buffer.from('behind')]);
          taken.take(bytes, 6, bytes.length - 6, some.length);
        }
        const all = Buffer.concat(lines);
        const expected = `${lines.length} lines, ${all.length} bytes, SHA-256 ${createHash('sha256').update(all).digest('hex')}`;
        expect([written.result(), taken.result()]).toEqual([expected, expected]);
      }),
    );
  });

  it('holds little for each of a hundred thousand topics', () => {
    const memory: DigestMemory = { bytes: 0 };
    const digests = Array.from({ length: 100_000 }, () => new LineDigest(memory));
    const line = Buffer.alloc(200, 'x');
    for (let round = 0; round < 8; round += 1) for (const digest of digests) write(digest, line);
    expect(memory.bytes).toBeLessThan(72 * 1024 * 1024);
    for (const digest of digests) digest.result();
    expect(memory.bytes).toBe(0);
  });
});
