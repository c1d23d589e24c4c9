// Compression of a batch's records.
//
// We write none, lz4 and zstd, and read what any producer may use. Bounds: what unpacks to more than `UNPACKED_BYTES_MAX`
// is refused; zstd and gzip stop there, lz4 and snappy are checked once unpacked (lz4 grows at most 255 times).

import { compressionsAlgorithms } from '@platformatic/kafka';
import { PulsesError } from '@pulses/shared-errors';
import { gunzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

export type Compression = 'none' | 'lz4' | 'zstd';

/** Bits 0 to 2 of a batch's attributes. */
export const CODEC = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

const UNPACKED_BYTES_MAX = 64 * 1024 * 1024;
const LIMIT = { maxOutputLength: UNPACKED_BYTES_MAX };

export function compress(compression: Compression, bytes: Buffer): Buffer {
  switch (compression) {
    case 'none':
      return bytes;
    case 'lz4':
      return compressionsAlgorithms.lz4.compressSync(bytes);
    case 'zstd':
      return zstdCompressSync(bytes);
  }
}

/**
 * @param codec of `CODEC`
 * @param where names the batch, for the message
 * @throws PulsesError VERSION_UNSUPPORTED for a codec that Kafka has not defined yet, PROTOCOL_VIOLATION for bytes that do
 *   not unpack, MESSAGE_TOO_LARGE
 */
export function decompress(codec: number, bytes: Buffer, where: string): Buffer {
  let unpacked: Buffer;
  try {
    unpacked = unpack(codec, bytes, where);
  } catch (error) {
    if (error instanceof PulsesError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(where);
    throw new PulsesError('PROTOCOL_VIOLATION', `${where} does not unpack`, { cause: error });
  }
  if (unpacked.length > UNPACKED_BYTES_MAX) throw tooLarge(where);
  return unpacked;
}

function unpack(codec: number, bytes: Buffer, where: string): Buffer {
  switch (codec) {
    case CODEC.none:
      return bytes;
    case CODEC.gzip:
      return gunzipSync(bytes, LIMIT);
    case CODEC.snappy:
      return compressionsAlgorithms.snappy.decompressSync(bytes);
    case CODEC.lz4:
      return compressionsAlgorithms.lz4.decompressSync(bytes);
    case CODEC.zstd:
      return zstdDecompressSync(bytes, LIMIT);
    default:
      throw new PulsesError(
        'VERSION_UNSUPPORTED',
        `${where} is compressed by codec ${codec}, which this version does not know`,
      );
  }
}

function tooLarge(where: string): PulsesError {
  return new PulsesError('MESSAGE_TOO_LARGE', `${where} unpacks to more than ${UNPACKED_BYTES_MAX} bytes`);
}
