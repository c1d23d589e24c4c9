// The segments of a journal, also those whose header is damaged.

import {
  decodeSegmentHeader,
  firstLsnOf,
  isSameLog,
  isSpareHeader,
  readUpTo,
  SEGMENT_HEADER_BYTES,
  type LogIdentity,
  type SegmentHeader,
} from '@pulses/broker-segment-log';
import { viewOf } from '@pulses/shared-binary';
import { crc32 } from 'node:zlib';
import type { FileSystem } from '@pulses/shared-ports';
import type { FindingList } from '../report';
import { mended } from './mend-byte';

const CRC_AT = 12;
const CRC_BYTES = 4;

export interface SegmentsOptions {
  readonly fileSystem: FileSystem;
  /** Of the segments. */
  readonly directory: string;
  /** From a checkpoint, when one is valid: segments whose header is damaged can be read with it. */
  readonly identity: LogIdentity | undefined;
  readonly list: FindingList;
}

export interface SegmentFile {
  readonly path: string;
  readonly firstLsn: number;
  readonly length: number;
  /** Undefined when the header is damaged. */
  readonly previousCrc: number | undefined;
}

/** @throws the port's error */
export async function listSegments(
  options: SegmentsOptions,
): Promise<{ segments: SegmentFile[]; identity: LogIdentity | undefined }> {
  const { fileSystem, directory, list } = options;
  let { identity } = options;
  const segments: SegmentFile[] = [];
  for (const name of (await fileSystem.list(directory)).sort()) {
    const firstLsn = firstLsnOf(name);
    if (firstLsn === undefined) continue;
    const path = `${directory}/${name}`;
    const { bytes, length } = await readHead(options, path);
    const header = decodeSegmentHeader(bytes);
    if (header === undefined && (length <= SEGMENT_HEADER_BYTES || isSpareHeader(bytes))) {
      list.add('note', path, 0, 'the segment was never used; a start removes it');
      continue;
    }
    if (header?.firstLsn !== firstLsn) list.add('damage', path, 0, 'the header of the segment is not valid');
    const known = header?.firstLsn === firstLsn ? header : mendedHeader(bytes);
    const isValid = known?.firstLsn === firstLsn;
    if (isValid && identity !== undefined && !isSameLog(identity, known)) {
      list.add('damage', path, 16, 'the segment belongs to another log');
      continue;
    }
    if (isValid) identity ??= { logId: known.logId, seed: known.seed };
    const previousCrc = isValid ? known.previousCrc : undefined;
    segments.push({ path, firstLsn, length, previousCrc });
  }
  return { segments, identity };
}

/** With one wrong byte put right. */
function mendedHeader(bytes: Uint8Array): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES) return undefined;
  const checked = Buffer.concat([bytes.subarray(0, CRC_AT), bytes.subarray(CRC_AT + CRC_BYTES)]);
  const right = mended(checked, viewOf(bytes).getUint32(CRC_AT, true), 0);
  if (right === undefined) return undefined;
  const crc = Buffer.alloc(CRC_BYTES);
  crc.writeUInt32LE(crc32(right));
  return decodeSegmentHeader(Buffer.concat([right.subarray(0, CRC_AT), crc, right.subarray(CRC_AT)]));
}

async function readHead({ fileSystem }: SegmentsOptions, path: string): Promise<{ bytes: Uint8Array; length: number }> {
  const handle = await fileSystem.open(path, 'read');
  try {
    const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
    return { bytes: bytes.subarray(0, await readUpTo(handle, bytes, 0)), length: await handle.size() };
  } finally {
    await handle.close();
  }
}
