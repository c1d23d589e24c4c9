// The segments of a journal, also those whose header is damaged.

import {
  decodeSegmentHeader,
  firstLsnOf,
  isFormat1,
  isSameLog,
  isSpareHeader,
  ofAnotherRelease,
  readUpTo,
  SEGMENT_HEADER_BYTES,
  type LogIdentity,
} from '@pulses/broker-segment-log';
import type { JournalWalkOptions } from './journal-walk';

export interface SegmentFile {
  readonly path: string;
  readonly firstLsn: number;
  readonly length: number;
  /** Undefined when the header is damaged. */
  readonly previousCrc: number | undefined;
}

/** @throws PulsesError CONFIG_INVALID when another release wrote one; the port's error */
export async function listSegments(
  options: JournalWalkOptions,
): Promise<{ segments: SegmentFile[]; identity: LogIdentity | undefined }> {
  const { fileSystem, directory, dataDirectory, list } = options;
  let { identity } = options;
  const segments: SegmentFile[] = [];
  for (const name of (await fileSystem.list(directory)).sort()) {
    const firstLsn = firstLsnOf(name);
    if (firstLsn === undefined) continue;
    const path = `${directory}/${name}`;
    const { bytes, length } = await readHead(options, path);
    if (isFormat1(bytes)) throw ofAnotherRelease(dataDirectory, path, '1');
    const header = decodeSegmentHeader(bytes);
    if (header === undefined && (length <= SEGMENT_HEADER_BYTES || isSpareHeader(bytes))) {
      list.add('note', path, 0, 'the segment was never used; a start removes it');
      continue;
    }
    const isValid = header?.firstLsn === firstLsn;
    if (!isValid) list.add('damage', path, 0, 'the header of the segment is not valid');
    if (isValid && identity !== undefined && !isSameLog(identity, header)) {
      list.add('damage', path, 16, 'the segment belongs to another log');
      continue;
    }
    if (isValid) identity ??= { logId: header.logId, seed: header.seed };
    const previousCrc = isValid ? header.previousCrc : undefined;
    segments.push({ path, firstLsn, length, previousCrc });
  }
  return { segments, identity };
}

async function readHead(
  { fileSystem }: JournalWalkOptions,
  path: string,
): Promise<{ bytes: Uint8Array; length: number }> {
  const handle = await fileSystem.open(path, 'read');
  try {
    const bytes = new Uint8Array(SEGMENT_HEADER_BYTES);
    return { bytes: bytes.subarray(0, await readUpTo(handle, bytes, 0)), length: await handle.size() };
  } finally {
    await handle.close();
  }
}
