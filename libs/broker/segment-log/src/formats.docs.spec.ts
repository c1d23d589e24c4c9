import { describe, expect, it } from '@jest/globals';
import { PRODUCER_RESULTS_KEPT } from '@pulses/broker-wire';
import { createSimFileSystem, createSimRandom } from '@pulses/testing-sim';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeCheckpoint, encodeCheckpoint } from './checkpoint/checkpoint-codec';
import { checkpointName } from './checkpoint/checkpoint-store';
import { RETIRED_PRODUCERS_KEPT } from './commit/log-state';
import { writeManifest } from './disk/manifest';
import { CHECKPOINTS, JOURNAL, MANIFEST, RUNS } from './disk/names';
import { ATTESTATION_NAME, readAttestation, writeAttestation, type Attestation } from './journal/attestation';
import { FRAME_HEADER_BYTES, ROW_BYTES } from './journal/frame';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  LOG_ID_BYTES,
  SEGMENT_HEADER_BYTES,
  segmentName,
} from './journal/segment-header';
import { SEGMENT_LOG_DEFAULTS, TOPIC_KINDS_MAX } from './options';
import {
  ENTRIES_A_BLOCK,
  ENTRY_BYTES,
  PIECE_BYTES,
  RUN_HEADER_BYTES,
  runName,
  SHARED_CRC_BYTES_MAX,
} from './segments/run-format';
import {
  frameBytes,
  hexOf,
  hexOfCrc,
  runBytes,
  statedCheckpoint,
  statedFrame,
  statedRun,
  type StatedFrame,
  type StatedRun,
} from './testing/format-examples';
import { readMessages } from './testing/log-fixture';
import { DIRECTORY, machineOn, openOn, settled } from './testing/torture-run';

const [storage, journal, runs, checkpoint] = ['storage', 'journal', 'runs', 'checkpoint'].map((name) =>
  readFileSync(join(__dirname, `../../../../docs/formats/${name}.md`), 'utf8'),
) as [string, string, string, string];

/** Hex digits up to a gap of two blanks, or `00 * 20`; what follows is for people. */
function bytesOfLine(line: string): Buffer {
  const [digits = ''] = line.split(/ {2,}/);
  const count = /^00 \* (\d+)/.exec(digits)?.[1];
  return count === undefined ? Buffer.from(digits.replaceAll(' ', ''), 'hex') : Buffer.alloc(Number(count));
}

/** What a document states in JSON, and as bytes. */
function examplesIn(text: string): { stated: unknown; bytes: Buffer }[] {
  return [...text.matchAll(/^```json\n(.*?)\n```\n\n```hex\n(.*?)\n```$/gms)].map(([, json = '', dump = '']) => ({
    stated: JSON.parse(json) as unknown,
    bytes: Buffer.concat(dump.split('\n').map(bytesOfLine)),
  }));
}

const [segment, ...rest] = examplesIn(journal);
const attested = rest.pop()!; // the page ends with it
const frames = rest.map(({ stated, bytes }) => ({ stated: stated as StatedFrame, bytes }));
const identity = segment!.stated as { logId: string; seed: string; firstLsn: number; previousCrc: string };
const seed = parseInt(identity.seed, 16);

describe('docs/formats/journal.md', () => {
  it('has a segment header as the code writes and reads it', () => {
    const header = {
      ...{ logId: Buffer.from(identity.logId, 'hex'), seed, firstLsn: identity.firstLsn },
      previousCrc: parseInt(identity.previousCrc, 16),
    };
    expect(hexOf(encodeSegmentHeader(header))).toBe(hexOf(segment!.bytes));
    const decoded = decodeSegmentHeader(segment!.bytes);
    expect(decoded && { ...decoded, logId: hexOf(decoded.logId) }).toEqual({ ...header, logId: identity.logId });
  });

  it.each(frames)('has frame $stated.lsn as the code writes and reads it', ({ stated, bytes }) => {
    expect(hexOf(frameBytes(stated, seed))).toBe(hexOf(bytes));
    expect(statedFrame(bytes, seed)).toEqual(stated);
  });

  it('has frames that follow on each other', () => {
    const crcs = frames.map(({ bytes }) => hexOfCrc(bytes.readUInt32LE(FRAME_HEADER_BYTES - 4)));
    expect(frames.map(({ stated }) => stated.previousCrc)).toEqual(['00000000', ...crcs.slice(0, -1)]);
  });

  it('has an example of each kind of entry', () => {
    const shown = new Set(frames.flatMap(({ stated }) => stated.entries.map(({ kind }) => kind)));
    const documented = [...journal.matchAll(/^\d+ ([a-z-]{4,}) +/gm)].map(([, kind]) => kind);
    expect([...shown].sort()).toEqual(documented.sort());
    expect(documented).toHaveLength(14);
  });

  it('has a journal that opens to what it says', async () => {
    const disk = createSimFileSystem({ seed: 1 });
    await disk.makeDirectory(`${DIRECTORY}/${JOURNAL}`);
    const file = await disk.open(`${DIRECTORY}/${JOURNAL}/${segmentName(1)}`, 'create');
    await file.write(Buffer.concat([segment!.bytes, ...frames.slice(0, 3).map(({ bytes }) => bytes)]), 0);
    await file.close();
    const machine = machineOn(disk, createSimRandom(1), 1_767_225_700_000);
    const log = await openOn(machine, { retention: () => undefined });
    expect(await readMessages(log!, 'source.pulses')).toEqual(['{"a":1}', '{"a":2}']); // the power is on
    expect(await readMessages(log!, 'tenants.é.grouped.pulses')).toEqual(['{"g":1}']);
    expect(await readMessages(log!, 'b')).toEqual(['x', 'y']);
    expect(await settled(machine, log!.positions('ingestor', ''))).toMatchObject([
      { topic: 'source.pulses', name: 'grouped', offset: 2, revision: 1, metadata: '' },
      { topic: 'source.pulses', name: 'windowed', offset: 0, revision: 1, metadata: '{}' },
    ]);
    await settled(machine, log!.close());
  });

  it('has an attestation as the code writes and reads it', async () => {
    const disk = createSimFileSystem({ seed: 1 });
    await disk.makeDirectory(DIRECTORY);
    await writeAttestation(disk, DIRECTORY, attested.stated as Attestation);
    expect(hexOf(disk.bytesOf(`${DIRECTORY}/${ATTESTATION_NAME}`))).toBe(hexOf(attested.bytes));
    expect(await readAttestation(disk, DIRECTORY)).toEqual(attested.stated);
  });
});

describe('docs/formats/runs.md', () => {
  it('has a run as the code writes and reads it', () => {
    const [example] = examplesIn(runs);
    expect(hexOf(runBytes(example!.stated as StatedRun))).toBe(hexOf(example!.bytes));
    expect(statedRun(example!.bytes)).toEqual(example!.stated);
  });
});

describe('docs/formats/checkpoint.md', () => {
  it('has a checkpoint as the code reads and writes it', () => {
    const [example] = examplesIn(checkpoint);
    const decoded = decodeCheckpoint(example!.bytes, () => 0);
    if (decoded === undefined) throw new Error('the checkpoint of the document is not valid');
    expect(statedCheckpoint(decoded)).toEqual(example!.stated);
    expect(hexOf(encodeCheckpoint(decoded))).toBe(hexOf(example!.bytes));
  });
});

describe('docs/formats/storage.md', () => {
  it('states the constants of the format', () => {
    const rows = [...storage.matchAll(/^\| `([A-Z_]+)` +\| (\d+) +\|/gm)].map(([, name, value]) => [
      name,
      Number(value),
    ]);
    expect(Object.fromEntries(rows)).toEqual({
      ...{ SEGMENT_HEADER_BYTES, LOG_ID_BYTES, FRAME_HEADER_BYTES, ROW_BYTES, RUN_HEADER_BYTES, PIECE_BYTES },
      ...{ ENTRY_BYTES, ENTRIES_A_BLOCK, SHARED_CRC_BYTES_MAX, PRODUCER_RESULTS_KEPT, RETIRED_PRODUCERS_KEPT },
      TOPIC_KINDS_MAX,
    });
  });

  it('states options with their defaults', () => {
    const stated = storage.matchAll(/^\| `([a-z][A-Za-z]+)` +\| (\d+) +\|/gm);
    const rows = [...stated].map(([, name = '', value]): [string, number] => [name, Number(value)]);
    expect(rows.length).toBeGreaterThanOrEqual(9);
    expect(SEGMENT_LOG_DEFAULTS).toMatchObject(Object.fromEntries(rows));
  });

  it('draws the directory with the names that the code gives', () => {
    const drawn = /^```text\n(.*?)\n```/ms.exec(storage)?.[1] ?? '';
    const words = drawn.split('\n').map((line) => line.trim().split(' ')[0]);
    const files = [
      MANIFEST,
      segmentName(1),
      ATTESTATION_NAME,
      runName({ kind: 0, firstLsn: 1 }),
      checkpointName(4_711),
    ];
    const folders = [JOURNAL, RUNS, CHECKPOINTS].map((name) => `${name}/`);
    expect(words).toEqual(expect.arrayContaining([...files, ...folders]));
  });

  it('has a manifest as the code writes it', async () => {
    const disk = createSimFileSystem({ seed: 1 });
    await disk.makeDirectory(DIRECTORY);
    await writeManifest(disk, DIRECTORY, Buffer.from(identity.logId, 'hex'));
    const line = Buffer.from(disk.bytesOf(`${DIRECTORY}/${MANIFEST}`)).toString();
    expect(storage).toContain(`\`\`\`text\n${line}\`\`\``);
  });
});
