import { beforeEach, describe, expect, it } from '@jest/globals';
import { createSimFileSystem, type SimFileSystem } from '@pulses/testing-sim';
import { createArena } from './arena';
import type { Entry } from './entries';
import { encodeFrame } from './frame';
import { createHandleCache } from './handle-cache';
import { createJournalReader, type FramePlace, type JournalReader } from './journal-reader';
import { SEGMENT_HEADER_BYTES, segmentName } from './journal-segment';

const SEED = 7;
const FIRST_LSN = 1;
const PATH = `data/journal/${segmentName(FIRST_LSN)}`;

describe('reading frames of the journal', () => {
  let disk: SimFileSystem;
  let places: FramePlace[];
  let frames: Buffer[];

  beforeEach(async () => {
    disk = createSimFileSystem({ seed: 1 });
    await disk.makeDirectory('data');
    await disk.makeDirectory('data/journal');
    [places, frames] = [[], []];
  });

  const readerOf = (aheadBytes: number): JournalReader =>
    createJournalReader(createHandleCache(disk, 8), { data: 'data', journal: 'data/journal' }, SEED, aheadBytes);

  /** Frames of one message each behind those that are there. */
  async function write(count: number): Promise<void> {
    const file = await disk.open(PATH, places.length === 0 ? 'create' : 'write');
    for (let index = 0; index < count; index += 1) {
      const lsn = FIRST_LSN + places.length;
      const payload = Buffer.from(`message ${lsn}\n`);
      const entry: Entry = {
        kind: 'appended',
        topicId: 1,
        baseOffset: lsn,
        recordCount: 1,
        bytes: payload,
        start: 0,
        length: payload.length,
        producer: undefined,
      };
      const header = { lsn, syncedUpTo: lsn - 1, timestampMs: lsn, previousCrc: 0, seed: SEED };
      const frame = Buffer.from(encodeFrame(header, [entry], createArena()).bytes);
      const position = places.reduce((end, place) => end + place.length, SEGMENT_HEADER_BYTES);
      await file.write(frame, position);
      places.push({ lsn, segmentFirstLsn: FIRST_LSN, position, length: frame.length });
      frames.push(frame);
    }
    await file.close();
  }

  const opens = () => disk.trace.filter((call) => call === 'open').length;

  it.each([0, 300, 1_000_000])('gives each whole and unchanged, %i bytes ahead', async (aheadBytes) => {
    await write(20);
    const reader = readerOf(aheadBytes);
    for (const [index, place] of places.entries()) expect(Buffer.from(await reader.read(place))).toEqual(frames[index]);
    for (const index of [3, 19, 0]) expect(Buffer.from(await reader.read(places[index]!))).toEqual(frames[index]);
  });

  it('reads many at once when it reads ahead', async () => {
    await write(20);
    const reader = readerOf(1_000_000);
    const before = opens();
    for (const place of places) await reader.read(place);
    expect(opens() - before).toBe(1);
  });

  it('reads again what was written since it was read ahead', async () => {
    await write(2);
    const reader = readerOf(1_000_000);
    await reader.read(places[0]!);
    await write(2);
    for (const [index, place] of places.entries()) expect(Buffer.from(await reader.read(place))).toEqual(frames[index]);
  });

  it('takes no frame of another segment for the one that is asked for', async () => {
    await write(2);
    const [first, second] = [places[0]!, places[1]!];
    const other = await disk.open(`data/journal/${segmentName(second.lsn)}`, 'create');
    await other.write(frames[1]!, first.position);
    await other.close();
    const reader = readerOf(1_000_000);
    await reader.read(first);
    const moved = { ...second, segmentFirstLsn: second.lsn, position: first.position };
    expect(moved.length).toBe(first.length);
    expect(Buffer.from(await reader.read(moved))).toEqual(frames[1]);
    await expect(reader.read({ ...moved, lsn: 9 })).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
  });

  it.each([0, 1_000_000])('says which is damaged, %i bytes ahead', async (aheadBytes) => {
    await write(3);
    const file = await disk.open(PATH, 'write');
    const { position, length } = places[1]!;
    await file.write(Buffer.from('x'), position + length - 3);
    await file.close();
    const reader = readerOf(aheadBytes);
    expect(Buffer.from(await reader.read(places[0]!))).toEqual(frames[0]);
    await expect(reader.read(places[1]!)).rejects.toMatchObject({
      code: 'JOURNAL_CORRUPT',
      message: expect.stringContaining('frame 2 is not valid'),
    });
    expect(Buffer.from(await reader.read(places[2]!))).toEqual(frames[2]);
  });
});
