import { describe, expect, it } from '@jest/globals';
import {
  blockOf,
  decodeBlock,
  decodeRunHeader,
  decodeSegmentHeader,
  DirectoryWriter,
  encodeSegmentHeader,
  placesOf,
  segmentName,
} from '@pulses/broker-segment-log';
import type { SimFileSystem } from '@pulses/testing-sim';
import { crc32 } from 'node:zlib';
import { inspectDataDirectory, type Inspection } from './inspect';
import type { Finding } from './report';
import {
  BuiltShapes,
  contentOf,
  DIRECTORY,
  fileOf,
  filesIn,
  flipBit,
  framesOf,
  openOn,
  publish,
  SHAPES,
} from './testing/shapes';

const shapes = new BuiltShapes();

const inspect = (fileSystem: SimFileSystem): Promise<Inspection> =>
  inspectDataDirectory({ fileSystem, directory: DIRECTORY });
const damageOf = ({ findings }: Inspection): Finding[] => findings.filter(({ severity }) => severity === 'damage');

async function writeFile(disk: SimFileSystem, path: string, text: string): Promise<void> {
  await disk.makeDirectory(path.slice(0, path.lastIndexOf('/')));
  const file = await disk.open(path, 'create');
  await file.write(Buffer.from(text), 0);
  await file.close();
}

describe('a sound directory', () => {
  it.each(SHAPES)('has no findings: %s', async (name) => {
    const { disk, topics } = await shapes.copy(name);
    const before = contentOf(disk);
    const inspection = await inspect(disk);
    expect(inspection.findings).toEqual([]);
    expect(inspection.isSound).toBe(true);
    const messages = [...topics.values()].reduce((sum, topic) => sum + topic.messages.length, 0);
    const none = { messagesLost: 0, damages: 0, notes: 0, tornBytes: 0 };
    expect(inspection.summary).toMatchObject({ messages, topics: topics.size, ...none });
    expect(contentOf(disk)).toEqual(before);
  });

  it('may have a segment that was removed, and is back after a power cut, without those behind it', async () => {
    const { disk } = await shapes.copy('many runs');
    const [oldest = ''] = filesIn(disk, 'journal').filter((path) => path.endsWith('.journal'));
    const bytes = disk.bytesOf(oldest);
    const header = decodeSegmentHeader(bytes)!; // of a sound directory
    const firstLsn = header.firstLsn - 30;
    const back = `${DIRECTORY}/journal/${segmentName(firstLsn)}`;
    await (await disk.open(back, 'create')).write(encodeSegmentHeader({ ...header, firstLsn }), 0);
    expect(await inspect(disk)).toMatchObject({ isSound: true, findings: [] });
  });

  it('is read as a whole, and says how far it is', async () => {
    const { disk } = await shapes.copy('many runs');
    let bytes = 0;
    const { summary } = await inspectDataDirectory({
      fileSystem: disk,
      directory: DIRECTORY,
      onProgress: (progress) => {
        expect(progress.bytes).toBeGreaterThanOrEqual(bytes);
        bytes = progress.bytes;
      },
    });
    expect(summary.bytesChecked).toBe(bytes);
    const lengths = disk.files().map((path) => disk.bytesOf(path).length);
    expect(bytes).toBeGreaterThanOrEqual(lengths.reduce((sum, length) => sum + length, 0));
    expect(summary).toMatchObject({ checkpoints: 2, topics: 4, runs: filesIn(disk, 'runs').length });
    expect(summary.journalSegments).toBeGreaterThan(1);
  });

  it('keeps a broker out while it is checked, and is refused while one has it', async () => {
    const { disk } = await shapes.copy('few messages');
    const log = await openOn(disk);
    await expect(inspect(disk)).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
    await log.close();
  });

  it('after a crash may end in a torn frame, which is noted with file and byte', async () => {
    const { disk } = await shapes.copy('few messages');
    const log = await openOn(disk);
    await publish(log, 'a', ['1', '2']);
    const crashed = disk.fork();
    await log.close();
    const path = filesIn(crashed, 'journal').findLast((name) => name.endsWith('.journal'))!; // there is one
    const bytes = crashed.bytesOf(path);
    crashed.replaceBytes(path, Buffer.concat([bytes, Buffer.alloc(100, 7)]));
    const inspection = await inspect(crashed);
    expect(inspection.findings).toMatchObject([{ severity: 'note', file: path, byteOffset: bytes.length, lost: [] }]);
    expect(inspection).toMatchObject({ isSound: true, summary: { tornBytes: 100 } });
  });

  it('may hold strays, which are listed', async () => {
    const { disk } = await shapes.copy('many runs');
    const strays = ['journal/x.tmp', 'notes.txt', 'runs/0000000000000001.7.run'];
    for (const name of strays) await writeFile(disk, `${DIRECTORY}/${name}`, 'x');
    await writeFile(disk, `${DIRECTORY}/topics/source/0000000000000000.ndjson`, 'x');
    const inspection = await inspect(disk);
    expect(inspection.isSound).toBe(true);
    expect(inspection.findings.map(({ file }) => file.slice(DIRECTORY.length + 1)).sort()).toEqual(strays);
  });
});

describe('a directory that is none of this log', () => {
  const NONE = /^--data-dir: '\/other' is no data directory; allowed: one that a broker has written$/;
  it.each([
    ['missing', [], NONE],
    ['empty', ['/other/journal/'], NONE],
    ['foreign', ['/other/photos/1.jpg', '/other/journal/monday.txt', '/other/runs/10km.gpx'], NONE],
    ['a file', ['/other'], NONE],
  ])('is refused when it is %s, and left as it is', async (_what, paths, message) => {
    const { disk } = await shapes.copy('fresh');
    for (const path of paths) {
      if (path.endsWith('/')) await disk.makeDirectory(path.slice(0, -1));
      else await writeFile(disk, path, 'x');
    }
    const before = disk.files();
    const refused = inspectDataDirectory({ fileSystem: disk, directory: '/other' });
    await expect(refused).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) });
    expect(disk.files()).toEqual(before);
  });

  it('is refused when another release wrote it', async () => {
    const { disk } = await shapes.copy('fresh');
    await writeFile(disk, '/other/journal/0000000000000001.journal', `PULSJRN1${'\0'.repeat(100)}`);
    await expect(inspectDataDirectory({ fileSystem: disk, directory: '/other' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('has the format 1, which this release does not read'),
    });
  });
});

const RUN = /runs\/0{15}1\.0\.run$/;

describe('one flipped bit', () => {
  it.each([
    ['the header of a journal segment', /journal\/\d+\.journal$/, 20, 0],
    ['the header of a frame', /journal\/\d+\.journal$/, 64 + 20, 64],
    ['the columns of a frame', /journal\/\d+\.journal$/, 64 + 64 + 1, 64],
    ['a checkpoint', /\.checkpoint$/, 300, 0],
    ['the attestation', /attested$/, 9, 0],
    ['the header of a run', RUN, 30, 0],
    ['the messages of a run', RUN, 64 + 5, 64],
  ])('in %s is found where it is', async (_, pattern, flipped, byteOffset) => {
    const { disk } = await shapes.copy('many runs');
    const path = fileOf(disk, pattern);
    flipBit(disk, path, flipped);
    const damage = damageOf(await inspect(disk));
    expect(damage).toMatchObject([{ file: path, byteOffset }]);
  });

  it('in the messages of a run says which are lost', async () => {
    const { disk } = await shapes.copy('many runs');
    flipBit(disk, fileOf(disk, RUN), 64 + 5);
    const inspection = await inspect(disk);
    const [finding] = inspection.findings;
    expect(finding?.lost).toMatchObject([{ topic: 'source', fromOffset: 0 }]);
    expect(inspection.summary.messagesLost).toBe(finding?.lost[0]?.toOffset);
  });

  it('in one piece of a long topic costs that piece alone', async () => {
    const { disk } = await shapes.copy('pieces with checksums');
    const path = fileOf(disk, RUN);
    flipBit(disk, path, Buffer.from(disk.bytesOf(path)).indexOf('logs:10:'));
    const inspection = await inspect(disk);
    expect(damageOf(inspection).map(({ lost }) => lost)).toEqual([[{ topic: 'logs', fromOffset: 10, toOffset: 12 }]]);
  });
});

describe('what is missing', () => {
  it('of the runs is named, with the messages that it held', async () => {
    const { disk } = await shapes.copy('many runs');
    const path = fileOf(disk, RUN);
    await disk.remove(path);
    const [finding, ...rest] = damageOf(await inspect(disk));
    expect(rest).toEqual([]);
    expect(finding).toMatchObject({ file: path, byteOffset: 0, what: 'the file is missing' });
    expect(finding?.lost.map(({ topic, fromOffset }) => [topic, fromOffset]).sort()).toEqual([
      ['logs', 0],
      ['source', 0],
    ]);
  });

  it('at the end of a run is found where the file ends', async () => {
    const { disk } = await shapes.copy('many runs');
    const path = fileOf(disk, RUN);
    disk.replaceBytes(path, disk.bytesOf(path).slice(0, 1_000));
    const damage = damageOf(await inspect(disk));
    expect(damage).toContainEqual(expect.objectContaining({ file: path, byteOffset: 1_000 }));
    expect(new Set(damage.map(({ file }) => file))).toEqual(new Set([path]));
  });

  it('of the journal is found: the oldest segment, the newest, or its end', async () => {
    const { disk } = await shapes.copy('restarted often');
    const segments = filesIn(disk, 'journal').filter((name) => name.endsWith('.journal'));
    const [oldest, second, newest] = [segments[0]!, segments[1]!, segments.at(-1)!]; // more than two
    const cases: [string, (copy: SimFileSystem) => Promise<void>][] = [
      [second, (copy) => copy.remove(oldest)],
      [segments.at(-2)!, (copy) => copy.remove(newest)],
      [newest, (copy) => Promise.resolve(copy.replaceBytes(newest, copy.bytesOf(newest).slice(0, -10)))],
    ];
    for (const [told, harm] of cases) {
      const copy = disk.fork();
      await harm(copy);
      expect([...new Set(damageOf(await inspect(copy)).map(({ file }) => file))]).toEqual([told]);
    }
  });

  it.each(['journal', 'checkpoints'])('is told when it is all of the %s', async (part) => {
    const { disk } = await shapes.copy('many runs');
    for (const path of filesIn(disk, part)) await disk.remove(path);
    const damage = damageOf(await inspect(disk));
    expect(damage).toContainEqual(expect.objectContaining({ file: `${DIRECTORY}/${part}`, byteOffset: 0 }));
  });
});

describe('a frame that follows on another one than its own', () => {
  it('is found, though all of its CRCs are right', async () => {
    const { disk } = await shapes.copy('few messages');
    const path = fileOf(disk, /\.journal$/);
    const bytes = Buffer.from(disk.bytesOf(path));
    const [, second] = framesOf(disk, path);
    const { seed } = decodeSegmentHeader(bytes)!; // a sound segment
    bytes[second! + 40]! ^= 1; // there are more than two
    bytes.writeUInt32LE(crc32(bytes.subarray(second, second! + 60), seed), second! + 60);
    disk.replaceBytes(path, bytes);
    expect(damageOf(await inspect(disk))[0]).toMatchObject({ file: path, byteOffset: second });
  });
});

describe('runs and the journal', () => {
  it('have to hold the same messages', async () => {
    const { disk } = await shapes.copy('many runs');
    const path = disk.files().findLast((name) => name.endsWith('.0.run'))!; // there are some
    const bytes = disk.bytesOf(path).slice();
    // Another message under CRCs that are right: only the journal knows better.
    const { header, crc } = decodeRunHeader(bytes)!;
    const { directoryAt } = placesOf(header);
    const block = blockOf(header, 0);
    const entries = decodeBlock(bytes.subarray(block.at, block.at + block.length), 0, crc)!; // a sound run
    const [first] = entries;
    bytes[first!.payloadAt]! ^= 1; // a message is longer
    const payloadCrc = crc32(bytes.subarray(first!.payloadAt, first!.payloadAt + first!.length));
    const writer = new DirectoryWriter(header.topics, crc);
    for (const entry of entries) writer.add(entry === first ? { ...entry, payloadCrc } : entry);
    bytes.set(writer.end(), directoryAt);
    disk.replaceBytes(path, bytes);
    const what = expect.stringMatching(/^the messages of topic id 1 are not those of the journal, frame \d+$/);
    expect(damageOf(await inspect(disk))).toMatchObject([{ file: path, byteOffset: first!.payloadAt, what }]);
  });
});
