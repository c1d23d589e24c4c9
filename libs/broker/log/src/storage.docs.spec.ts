import { afterEach, describe, expect, it } from '@jest/globals';
import { PRODUCER_RESULTS_KEPT } from '@pulses/broker-wire';
import { nodeFileSystem } from '@pulses/shared-node-platform';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ATTESTATION_NAME, readAttestation } from './attestation';
import { bytesOfHex, hexOfBytes } from './bytes';
import { decodeCheckpoint, encodeCheckpoint, type Checkpoint } from './checkpoint-codec';
import { checkpointName } from './checkpoint-store';
import type { Entry } from './entries';
import { createArena } from './arena';
import { encodeFrame, FRAME_BODY_BYTES_MAX, FRAME_HEADER_BYTES, readFrame } from './frame';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  LOG_ID_BYTES,
  SEGMENT_HEADER_BYTES,
  seedOf,
  segmentName,
} from './journal-segment';
import { BROKER_LOG_DEFAULTS } from './options';
import { TEMPORARY_SUFFIX } from './replaced-file';
import { RETIRED_PRODUCERS_KEPT } from './state';
import { directoriesOf } from './storage';
import { openLog, readMessages, temporaryDirectories } from './testing/log-fixture';
import { BLOCK_BYTES_MAX } from './topic-files';
import {
  decodeBlock,
  decodeIndexHeader,
  encodeBlocks,
  encodeIndexHeader,
  INDEX_ENTRY_BYTES,
  INDEX_HEADER_BYTES,
  type Block,
  type IndexHeader,
} from './topic-index';
import { topicDirectoryName, topicFileName } from './topic-names';

const textOf = (name: string) => readFileSync(join(__dirname, '../../../../docs/formats', name), 'utf8');
const [storage, journal, checkpoint, topicFiles] = ['storage.md', 'journal.md', 'checkpoint.md', 'topic-files.md'].map(
  textOf,
) as [string, string, string, string];

/** Hex digits up to a gap of two blanks, or `00 * 9`; what follows is for people. */
const bytesOfLine = (line: string): Uint8Array => {
  const [digits = ''] = line.split(/ {2,}/);
  const [, byte, count] = /^([0-9a-f]{2}) \* (\d+)$/.exec(digits) ?? [];
  return byte === undefined ? bytesOfHex(digits.replaceAll(' ', '')) : Buffer.alloc(Number(count), parseInt(byte, 16));
};

interface Example {
  /** What the document states in JSON. */
  readonly stated: unknown;
  readonly bytes: Buffer;
}

const examplesIn = (text: string): Example[] =>
  [...text.matchAll(/^```json\n(.*?)\n```\n\n```hex\n(.*?)\n```$/gms)].map(([, json = '', dump = '']) => ({
    stated: JSON.parse(json) as unknown,
    bytes: Buffer.concat(dump.split('\n').map(bytesOfLine)),
  }));

const hexOfCrc = (crc: number): string => crc.toString(16).padStart(8, '0');
const hex = (bytes: Uint8Array): string => hexOfBytes(bytes);

const [segmentExample, ...rest] = examplesIn(journal) as [Example, ...Example[]];
const frameExamples = rest.slice(0, -1);
const attestedExample = rest.at(-1)!; // the document ends with it
const [checkpointExample] = examplesIn(checkpoint) as [Example];
const [indexHeaderExample, ...blockExamples] = examplesIn(topicFiles) as [Example, ...Example[]];

interface StatedFrame {
  readonly lsn: number;
  readonly syncedUpTo: number;
  readonly timestampMs: number;
  readonly previousCrc: string;
  readonly entries: readonly ({ readonly kind: Entry['kind'] } & Record<string, unknown>)[];
}

/** Payloads stand as text in the document. */
function entryOf({ payload, ...stated }: StatedFrame['entries'][number]): Entry {
  if (typeof payload !== 'string') return stated as unknown as Entry;
  const bytes = Buffer.from(payload);
  return { producer: undefined, ...stated, bytes, start: 0, length: bytes.length } as unknown as Entry;
}

function statedEntry(entry: Entry): object {
  if (entry.kind !== 'appended') return entry;
  const { bytes, start, length, producer, ...fields } = entry;
  const payload = Buffer.from(bytes.subarray(start, start + length)).toString();
  return { ...fields, payload, ...(producer === undefined ? {} : { producer }) };
}

const { logId } = segmentExample.stated as { logId: string };
const seed = seedOf(bytesOfHex(logId));

function statedCheckpoint({ state, segments, ...own }: Checkpoint): object {
  return {
    logId: hex(own.logId),
    lsn: state.lsn,
    frameCrc: hexOfCrc(own.frameCrc),
    materialisedLsn: own.materialisedLsn,
    lastTimestampMs: state.lastTimestampMs,
    nextTopicId: state.nextTopicId,
    epochFloor: state.epochFloor,
    topics: [...state.topicsById.values()].map(({ stagedIn: _in, stagedNextOffset: _next, ...topic }) => ({
      ...topic,
      segments: (segments.get(topic.id) ?? []).map(({ baseOffset, firstTimestampMs, synced }) => ({
        baseOffset,
        firstTimestampMs,
        ...synced,
      })),
    })),
    producers: [...state.producers].map(([id, { epoch, nextSequence, results }]) => ({
      id,
      epoch,
      nextSequence,
      results,
    })),
    retired: [...state.retiredProducers].map(([id, epoch]) => ({ id, epoch })),
    groups: [...state.groups].map(([group, { epoch, lastUsedMs, positions }]) => ({
      group,
      epoch,
      lastUsedMs,
      topics: [...positions].map(([topicId, byName]) => ({
        topicId,
        positions: [...byName].map(([name, position]) => ({ name, ...position })),
      })),
    })),
  };
}

/** Rows of a name and a number, of the names that match. */
const tableOf = (text: string, name: RegExp): Record<string, number> => {
  const rows = [...text.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(
    ([, key = '', value]) => [key, Number(value)] as const,
  );
  return Object.fromEntries(rows.filter(([key]) => name.test(key)));
};

/** Number and name under which the document lists the entry. */
function kindOf(stated: StatedFrame['entries'][number]): string {
  const { bytes } = encodeFrame(
    { lsn: 1, syncedUpTo: 0, timestampMs: 0, previousCrc: 0, seed },
    [entryOf(stated)],
    createArena(),
  );
  const name = stated['producer'] === undefined ? stated.kind : 'produced';
  return `${bytes[FRAME_HEADER_BYTES]} ${name}`;
}

const directories = temporaryDirectories();
afterEach(() => directories.removeAll());

/** A data directory whose journal is the document's, up to a frame. */
async function directoryWith(frames: readonly Example[]): Promise<string> {
  const directory = await directories.make();
  await mkdir(directoriesOf(directory).journal);
  const bytes = Buffer.concat([segmentExample, ...frames].map((example) => example.bytes));
  await writeFile(join(directoriesOf(directory).journal, segmentName(1)), bytes);
  return directory;
}

describe('docs/formats/journal.md', () => {
  it('has a segment header as the code writes and reads it', () => {
    const { firstLsn, previousCrc } = segmentExample.stated as { firstLsn: number; previousCrc: string };
    const header = { logId: bytesOfHex(logId), firstLsn, previousCrc: parseInt(previousCrc, 16) };
    expect(hex(encodeSegmentHeader(header))).toBe(hex(segmentExample.bytes));
    const decoded = decodeSegmentHeader(segmentExample.bytes);
    expect(decoded && { ...decoded, logId: hex(decoded.logId) }).toEqual({ ...header, logId });
  });

  it.each(frameExamples.map(({ stated, bytes }) => ({ stated: stated as StatedFrame, bytes })))(
    'has frame $stated.lsn as the code writes and reads it',
    ({ stated, bytes }) => {
      const { entries, previousCrc, ...header } = stated;
      const encoded = encodeFrame(
        { ...header, previousCrc: parseInt(previousCrc, 16), seed },
        entries.map(entryOf),
        createArena(),
      );
      expect(hex(encoded.bytes)).toBe(hex(bytes));
      const frame = readFrame(bytes, 0, seed);
      expect(frame?.frameLength).toBe(bytes.length);
      const read = frame && {
        ...frame,
        entries: frame.entries.map(statedEntry),
        previousCrc: hexOfCrc(frame.previousCrc),
      };
      expect(read).toMatchObject(stated);
    },
  );

  it('has an example of each kind of entry', () => {
    const kindNumbers = new Set(frameExamples.flatMap(({ stated }) => (stated as StatedFrame).entries.map(kindOf)));
    const documented = [...journal.matchAll(/^(\d+) ([a-z-]+) {2,}/gm)].map(([, number, kind]) => `${number} ${kind}`);
    expect([...kindNumbers].sort()).toEqual(documented.sort());
  });

  it('has a journal that opens to what it says', async () => {
    const committed = await openLog(await directoryWith(frameExamples.slice(0, 3)));
    expect(await readMessages(committed, 'source.pulses')).toEqual(['{"a":1}', '{"a":2}']);
    expect(await readMessages(committed, 'tenants.é.grouped.pulses')).toEqual(['{"g":1}']);
    expect(await readMessages(committed, 'b')).toEqual(['x', 'y']);
    expect(await committed.positions('ingestor', '')).toMatchObject([
      { topic: 'source.pulses', name: 'grouped', offset: 2, revision: 1, metadata: '' },
      { topic: 'source.pulses', name: 'windowed', offset: 0, revision: 1, metadata: '{}' },
    ]);
    await committed.close();

    const whole = await openLog(await directoryWith(frameExamples));
    expect(whole.topics({ prefix: '', after: '', limit: 10 }).topics).toMatchObject([
      { topic: 'b', startOffset: 0, nextOffset: 2, bytes: 4 },
      { topic: 'source.pulses', startOffset: 2, nextOffset: 2, bytes: 0, firstTimestampMs: 0 },
    ]);
    await whole.close();
  });

  it('has a checksum that starts from the log id', () => {
    const bytes = frameExamples[0]!.bytes; // there are eight
    const crc = crc32(Buffer.concat([bytesOfHex(logId), bytes.subarray(0, 44), bytes.subarray(48)]));
    expect(bytes.readUInt32LE(44)).toBe(crc);
  });

  it('has an attestation as the code reads it', async () => {
    const directory = await directories.make();
    await writeFile(join(directory, ATTESTATION_NAME), attestedExample.bytes);
    expect(await readAttestation(nodeFileSystem, directory)).toEqual(attestedExample.stated);
  });
});

describe('docs/formats/checkpoint.md', () => {
  it('has a checkpoint as the code reads and writes it', () => {
    const decoded = decodeCheckpoint(checkpointExample.bytes);
    if (decoded === undefined) throw new Error('the checkpoint of the document is not valid');
    expect(statedCheckpoint(decoded)).toEqual(checkpointExample.stated);
    expect(hex(encodeCheckpoint(decoded))).toBe(hex(checkpointExample.bytes));
  });
});

describe('docs/formats/topic-files.md', () => {
  it('has an index as the code writes and reads it', () => {
    const header = indexHeaderExample.stated as IndexHeader;
    expect(hex(encodeIndexHeader(header))).toBe(hex(indexHeaderExample.bytes));
    expect(decodeIndexHeader(indexHeaderExample.bytes)).toEqual(header);
    expect(blockExamples).toHaveLength(2);
    for (const { stated, bytes } of blockExamples) {
      const { payload, ...fields } = stated as Omit<Block, 'length' | 'payloadCrc'> & { readonly payload: string };
      const lines = Buffer.from(payload);
      const block = { ...fields, length: lines.length, payloadCrc: crc32(lines) };
      expect(hex(encodeBlocks([block]))).toBe(hex(bytes));
      expect(decodeBlock(bytes, 0)).toEqual(block);
    }
  });

  it('names directories as the code does', () => {
    const rows = [...topicFiles.matchAll(/^\| `([^`]+)` \| `([^`]+)` \|$/gm)].map(([, topic = '', directory]) => [
      topic,
      directory,
    ]);
    expect(rows.length).toBeGreaterThanOrEqual(4);
    for (const [topic = '', directory] of rows) expect(topicDirectoryName(topic)).toBe(directory);
    expect(topicDirectoryName('x'.repeat(200))).toBe('x'.repeat(200));
    expect(topicDirectoryName('x'.repeat(201))).toMatch(/^\+sha256-[0-9a-f]{64}$/);
  });
});

describe('docs/formats/storage.md', () => {
  it('states the constants of the format', () => {
    expect(tableOf(storage, /^[A-Z_]+$/)).toEqual({
      SEGMENT_HEADER_BYTES,
      LOG_ID_BYTES,
      FRAME_HEADER_BYTES,
      FRAME_BODY_BYTES_MAX,
      INDEX_HEADER_BYTES,
      INDEX_ENTRY_BYTES,
      BLOCK_BYTES_MAX,
      PRODUCER_RESULTS_KEPT,
      RETIRED_PRODUCERS_KEPT,
    });
  });

  it('states options with their defaults', () => {
    const stated = tableOf(storage, /^[a-z]/);
    expect(Object.keys(stated).length).toBeGreaterThanOrEqual(9);
    expect(BROKER_LOG_DEFAULTS).toMatchObject(stated);
  });

  it('draws the directory with the names that the code gives', () => {
    const { journal: journals, checkpoints, topics } = directoriesOf('.data');
    const incarnation = '0f1e2d3c4b5a69788796a5b4c3d2e1f0';
    const names = [journals, checkpoints, topics].map((path) => `${path.replace('.data/', '')}/`);
    const files = [
      segmentName(1),
      ATTESTATION_NAME,
      checkpointName(4711),
      topicFileName(0, incarnation, 'ndjson'),
      topicFileName(0, incarnation, 'index'),
    ];
    const drawn = /^```text\n(.*?)\n```/ms.exec(storage)?.[1] ?? '';
    const words = drawn.split('\n').map((line) => line.trim().split(' ')[0]);
    expect(words).toEqual(expect.arrayContaining([...names, ...files]));
    expect(storage).toContain(`\`${TEMPORARY_SUFFIX}\``);
  });
});
