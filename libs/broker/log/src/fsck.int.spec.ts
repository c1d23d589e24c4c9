import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { appendFile, cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeFileSystem } from '@pulses/shared-node-platform';
import { inspectDataDirectory, type Inspection } from './fsck';
import type { Finding } from './fsck-report';
import {
  builtShapes,
  filesOf,
  fingerprint,
  flipBit,
  seededNumbers,
  SHAPES,
  sizeOf,
  type Shape,
} from './testing/fsck-fixture';
import { openLog, publish, temporaryDirectories } from './testing/log-fixture';
import { sizes } from './testing/torture-sizes';

const directories = temporaryDirectories();
const shapes = builtShapes();
afterEach(() => directories.removeAll());
afterAll(() => shapes.removeAll());

const inspect = (directory: string): Promise<Inspection> =>
  inspectDataDirectory({ fileSystem: nodeFileSystem, directory });
const damageOf = ({ findings }: Inspection): Finding[] => findings.filter(({ severity }) => severity === 'damage');

async function many(): Promise<Shape> {
  return await shapes.copy(await directories.make(), 'many segments');
}

/** The only file of the directory that passes, or the first of several. */
async function fileOf(directory: string, passes: (path: string) => boolean): Promise<string> {
  const path = (await filesOf(directory)).find(passes);
  if (path === undefined) throw new Error('no such file');
  return path;
}

describe('a sound directory', () => {
  it.each(SHAPES)('has no findings: %s', async (name) => {
    const shape = await shapes.copy(await directories.make(), name);
    const before = await fingerprint(shape.directory);
    const inspection = await inspect(shape.directory);
    expect(inspection.findings).toEqual([]);
    expect(inspection.isSound).toBe(true);
    const messages = [...shape.topics.values()].reduce((sum, topic) => sum + topic.messages.length, 0);
    expect(inspection.summary).toMatchObject({
      messages,
      messagesLost: 0,
      topics: shape.topics.size,
      damages: 0,
      notes: 0,
    });
    expect(await fingerprint(shape.directory)).toBe(before);
  });

  it('reads every file, and says how far it is', async () => {
    const { directory } = await many();
    let bytes = 0;
    const sizes = await Promise.all((await filesOf(directory)).map(sizeOf));
    const { summary } = await inspectDataDirectory({
      fileSystem: nodeFileSystem,
      directory,
      onProgress: (progress) => {
        expect(progress.bytes).toBeGreaterThanOrEqual(bytes);
        bytes = progress.bytes;
      },
    });
    expect(summary.bytesChecked).toBe(bytes);
    expect(bytes).toBeGreaterThanOrEqual(sizes.reduce((sum, size) => sum + size, 0));
    expect(summary).toMatchObject({ checkpoints: 2, topics: 4 });
    expect(summary.journalSegments).toBeGreaterThan(1);
  });

  it('keeps a broker out while it is checked, and is refused while one has it', async () => {
    const directory = await directories.make();
    const log = await openLog(directory);
    await expect(inspect(directory)).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
    await log.close();
    await expect(inspect(join(directory, 'elsewhere'))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(await readdir(directory)).not.toContain('elsewhere');
  });

  it('after a crash may end in a torn frame, which is noted with file and byte', async () => {
    const directory = await directories.make();
    const log = await openLog(directory);
    await publish(log, 'a', ['1', '2']);
    const crashed = join(await directories.make(), 'copy');
    await cp(directory, crashed, { recursive: true });
    await log.close();
    const path = await fileOf(crashed, (name) => name.endsWith('.journal'));
    const length = await sizeOf(path);
    await appendFile(path, Buffer.alloc(100, 7));
    const inspection = await inspect(crashed);
    expect(inspection.findings).toMatchObject([{ severity: 'note', file: path, byteOffset: length, lost: [] }]);
    expect(inspection).toMatchObject({ isSound: true, summary: { tornBytes: 100 } });
  });

  it('may hold strays, which are listed', async () => {
    const { directory } = await many();
    await writeFile(join(directory, 'notes.txt'), 'x');
    await writeFile(join(directory, 'topics', 'logs', 'backup.ndjson'), 'x');
    await mkdir(join(directory, 'topics', 'gone'));
    await writeFile(join(directory, 'journal', 'x.tmp'), 'x');
    const inspection = await inspect(directory);
    expect(inspection.isSound).toBe(true);
    expect(inspection.findings.map(({ file }) => file.slice(directory.length + 1)).sort()).toEqual([
      'journal/x.tmp',
      'notes.txt',
      'topics/gone',
      'topics/logs/backup.ndjson',
    ]);
  });
});

describe('one flipped bit', () => {
  it.each([
    ['the header of a journal segment', /journal\/\d+\.journal$/, 20, 0],
    ['the first frame of a journal segment', /journal\/\d+\.journal$/, 64 + 60, 64],
    ['a checkpoint', /\.checkpoint$/, 300, 0],
    ['the attestation', /attested$/, 9, 0],
    ['the messages of a topic', /logs\/.*\.ndjson$/, 5, 0],
    ['the header of an index', /logs\/.*\.index$/, 40, 0],
    ['the third entry of an index', /logs\/.*\.index$/, 320 + 2 * 36 + 9, 320 + 2 * 36],
  ])('in %s is found where it is', async (_, pattern, flipped, byteOffset) => {
    const { directory } = await many();
    const path = await fileOf(directory, (name) => pattern.test(name));
    await flipBit(path, flipped);
    const damage = damageOf(await inspect(directory));
    expect(damage).toContainEqual(expect.objectContaining({ file: path, byteOffset }));
    expect(new Set(damage.map(({ file }) => file))).toEqual(new Set([path]));
  });

  it(
    'is found in every file, wherever it is, and nowhere else',
    async () => {
      const { directory } = await shapes.copy(await directories.make(), 'restarted often');
      const { seed } = SCALE;
      const below = seededNumbers(seed);
      const paths = await filesOf(directory);
      const flips = Array.from({ length: sizes.flipsFound }, () => SCALE.everyNth(paths, sizes.flippedFileStep)).flat();
      for (const path of flips) {
        const byte = below(await sizeOf(path));
        const bit = below(8);
        await flipBit(path, byte, bit);
        const { findings } = await inspect(directory);
        const what = `seed ${seed}: bit ${bit} of byte ${byte} of ${path}`;
        const isHit = findings.some((finding) => finding.file === path && finding.byteOffset <= byte);
        const elsewhere = findings.filter(({ file }) => file !== path);
        expect({ what, isHit, elsewhere }).toEqual({ what, isHit: true, elsewhere: [] });
        await flipBit(path, byte, bit);
      }
      expect((await inspect(directory)).findings).toEqual([]);
    },
    sizes.timeoutMs,
  );
});

describe('what is missing', () => {
  it.each([
    ['ndjson', /logs\/0{16}\..*\.ndjson$/],
    ['index', /logs\/0{16}\..*\.index$/],
  ])('of a topic is named, with the messages that it held: its %s', async (_, pattern) => {
    const { directory } = await many();
    const path = await fileOf(directory, (name) => pattern.test(name));
    await rm(path);
    const [finding] = damageOf(await inspect(directory));
    expect(finding).toMatchObject({ file: path, byteOffset: 0, lost: [{ topic: 'logs', fromOffset: 0 }] });
    expect(finding!.lost[0]!.toOffset).toBeGreaterThan(10);
  });

  it.each([
    ['ndjson', /logs\/0{16}\..*\.ndjson$/],
    ['index', /logs\/0{16}\..*\.index$/],
  ])('at the end of a topic file is found where the file ends: %s', async (_, pattern) => {
    const { directory } = await many();
    const path = await fileOf(directory, (name) => pattern.test(name));
    await truncate(path, 1_000);
    const damage = damageOf(await inspect(directory));
    expect(damage).toMatchObject([{ file: path, byteOffset: 1_000, lost: [{ topic: 'logs' }] }]);
  });

  it('of the journal is found: the oldest segment, one in the middle, the newest, or its end', async () => {
    const { directory } = await shapes.copy(await directories.make(), 'restarted often');
    const journal = join(directory, 'journal');
    const names = (await readdir(journal)).filter((name) => name.endsWith('.journal')).sort();
    expect(names.length).toBeGreaterThan(3);
    const cases: [string, () => Promise<void>][] = [
      [names[1]!, () => rm(join(journal, names[0]!))],
      [names[0]!, () => rm(join(journal, names[1]!))],
      [names.at(-2)!, () => rm(join(journal, names.at(-1)!))],
      [
        names.at(-1)!,
        async () => truncate(join(journal, names.at(-1)!), (await sizeOf(join(journal, names.at(-1)!))) - 10),
      ],
    ];
    for (const [told, harm] of cases) {
      const bytes = await Promise.all(names.map((name) => readFile(join(journal, name))));
      await harm();
      expect(damageOf(await inspect(directory)).map(({ file }) => file)).toEqual([join(journal, told)]);
      for (const [index, name] of names.entries()) await writeFile(join(journal, name), bytes[index]!);
    }
    expect((await inspect(directory)).findings).toEqual([]);
  });
});

describe('the journal and the files', () => {
  it('have to hold the same messages at the same times', async () => {
    const { directory } = await many();
    const index = (await filesOf(directory)).findLast((path) => /source\/.*\.index$/.test(path))!;
    const [lines, bytes] = [index.replace(/index$/, 'ndjson'), await readFile(index)];
    // Another message under a CRC that is right: only the journal knows better.
    const { decodeBlock, encodeBlocks, indexPosition } = await import('./topic-index');
    const { crc32 } = await import('node:zlib');
    const block = decodeBlock(bytes, indexPosition(0))!;
    const text = await readFile(lines);
    text[block.position] = 0x59;
    const payloadCrc = crc32(text.subarray(block.position, block.position + block.length));
    encodeBlocks([{ ...block, payloadCrc }]).forEach((byte, at) => (bytes[indexPosition(0) + at] = byte));
    await writeFile(index, bytes);
    await writeFile(lines, text);
    const { findings } = await inspect(directory);
    expect(findings).toMatchObject([{ file: lines, byteOffset: block.position }]);
  });
});
