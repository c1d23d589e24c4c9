// A recorded source log and the bytes of its outputs, in two compressed files of this folder's `golden`.
//
// Source: of each message the log time in ms (u48le), the length (u32le) and the bytes. Outputs: JSON, topic to text.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';

const FOLDER = join(__dirname, 'golden');
const SOURCE = join(FOLDER, 'source-log.br');
const OUTPUTS = join(FOLDER, 'outputs.json.br');
const TIME_BYTES = 6;
const HEAD_BYTES = TIME_BYTES + 4;
const BEST = { params: { [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS } };

export interface GoldenMessage {
  readonly timestampMs: number;
  readonly bytes: Uint8Array;
}

export function readGoldenSource(): GoldenMessage[] {
  const all = brotliDecompressSync(readFileSync(SOURCE));
  const messages: GoldenMessage[] = [];
  for (let at = 0; at < all.byteLength;) {
    const start = at + HEAD_BYTES;
    const end = start + all.readUInt32LE(at + TIME_BYTES);
    messages.push({ timestampMs: all.readUIntLE(at, TIME_BYTES), bytes: all.subarray(start, end) });
    at = end;
  }
  return messages;
}

export function readGoldenOutputs(): Record<string, string> {
  return JSON.parse(brotliDecompressSync(readFileSync(OUTPUTS)).toString()) as Record<string, string>;
}

export function writeGoldenSource(messages: readonly GoldenMessage[]): void {
  const parts = messages.flatMap(({ timestampMs, bytes }) => {
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUIntLE(timestampMs, 0, TIME_BYTES);
    head.writeUInt32LE(bytes.byteLength, TIME_BYTES);
    return [head, bytes];
  });
  writeFileSync(SOURCE, brotliCompressSync(Buffer.concat(parts), BEST));
}

export function writeGoldenOutputs(topics: ReadonlyMap<string, string>): void {
  writeFileSync(OUTPUTS, brotliCompressSync(JSON.stringify(Object.fromEntries([...topics].sort())), BEST));
}
