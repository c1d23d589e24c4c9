// A file that says what the data directory is: a log in this format, and which one.
//
//   manifest = `pulses-log` space format space log id (24 hex digits) space CRC-32 of the text before (8 hex digits) line feed
//
// It is written once, when the first segment of the journal is durable. So where it is, a journal has to be, and a directory
// without one is new only when it holds nothing else.

import { crc32 } from 'node:zlib';
import type { FileSystem } from '@pulses/shared-ports';
import { firstLsnOf, isFormat1 } from '../journal/segment-header';
import { corrupt, ofAnotherRelease } from './disk-errors';
import { readUpTo, withFile } from './full-io';
import { JOURNAL, listIn, MANIFEST, TOPICS } from './names';
import { readWhole, replaceFile } from './replaced-file';

const FORMAT = 2;
const FIELDS = /^pulses-log (\d+) ([0-9a-f]*) $/;
const CRC_LENGTH = 8;

/**
 * The log id that the manifest states; undefined when there is none.
 * @throws PulsesError CONFIG_INVALID when another release wrote the directory, JOURNAL_CORRUPT when the manifest is damaged
 */
export async function readManifest(fileSystem: FileSystem, directory: string): Promise<string | undefined> {
  const path = `${directory}/${MANIFEST}`;
  const bytes = await readWhole(fileSystem, path);
  if (bytes === undefined) {
    await refuseFormat1(fileSystem, directory);
    return undefined;
  }
  const text = Buffer.from(bytes).toString('latin1');
  const fields = text.slice(0, -CRC_LENGTH - 1);
  const [, format, logId] = FIELDS.exec(fields) ?? [];
  if (format === undefined || logId === undefined || text !== lineOf(fields)) {
    throw corrupt(directory, path, 0, 'it does not say which log this is');
  }
  if (Number(format) !== FORMAT) throw ofAnotherRelease(directory, path, format);
  return logId;
}

/** Writes the manifest, durably. @throws the port's error */
export async function writeManifest(fileSystem: FileSystem, directory: string, logId: Uint8Array): Promise<void> {
  const line = lineOf(`pulses-log ${FORMAT} ${Buffer.from(logId).toString('hex')} `);
  await replaceFile(fileSystem, directory, MANIFEST, Buffer.from(line));
}

function lineOf(fields: string): string {
  return `${fields}${crc32(fields).toString(16).padStart(CRC_LENGTH, '0')}\n`;
}

/**
 * Checks that the log that was found is the one of the manifest.
 * @param logId what the manifest states; undefined when there is none
 * @param found undefined when the journal holds no segment
 * @throws PulsesError JOURNAL_CORRUPT
 */
export async function checkIdentity(
  fileSystem: FileSystem,
  directory: string,
  logId: string | undefined,
  found: Uint8Array | undefined,
): Promise<void> {
  if (found === undefined) {
    const topics = await listIn(fileSystem, `${directory}/${TOPICS}`);
    if (logId === undefined && topics.length === 0) return;
    const told = logId === undefined ? `there are messages in ${directory}/${TOPICS}` : 'a log was begun here';
    throw corrupt(directory, `${directory}/${JOURNAL}`, 0, `the journal is missing, and ${told}`);
  }
  if (logId === undefined || logId === Buffer.from(found).toString('hex')) return;
  throw corrupt(directory, `${directory}/${MANIFEST}`, 0, 'the journal belongs to another log');
}

/** @throws PulsesError CONFIG_INVALID for a directory of a release that gave each topic files of its own */
async function refuseFormat1(fileSystem: FileSystem, directory: string): Promise<void> {
  for (const name of await listIn(fileSystem, `${directory}/${JOURNAL}`)) {
    if (firstLsnOf(name) === undefined) continue;
    const path = `${directory}/${JOURNAL}/${name}`;
    const head = new Uint8Array(8);
    await withFile(fileSystem, path, 'read', (file) => readUpTo(file, head, 0));
    if (isFormat1(head)) throw ofAnotherRelease(directory, path, '1');
  }
}
