// Writers of pieces of files: the same for each.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { nodeFileSystem, startNodeFileWriter } from '@pulses/shared-node-platform';
import type { FileWriter } from '@pulses/shared-ports';
import { makeTempDirectory, type TempDirectory } from '@pulses/testing-processes';
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileWriterOver, sheddingWriter } from './file-writers';
import { createHandleCache } from './handle-cache';

const text = (content: string) => Buffer.from(content);

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz';
/** More than a process may have open by default. */
const SMALL_PIECES = 1_500;

type ClosableWriter = FileWriter & { close(): Promise<void> };

describe.each<[string, () => Promise<ClosableWriter>]>([
  [
    'over the handles of a file system',
    () => Promise.resolve({ ...fileWriterOver(nodeFileSystem), close: () => Promise.resolve() }),
  ],
  ['of a thread', startNodeFileWriter],
])('a writer of pieces %s', (_, start) => {
  let writer: ClosableWriter;
  beforeAll(async () => {
    writer = await start();
  });
  afterAll(() => writer.close());

  let directory: TempDirectory;
  const at = (name: string) => join(directory.path, name);
  const contentOf = (name: string) => readFile(at(name), 'utf8');
  const modeOf = async (name: string) => ((await stat(at(name))).mode & 0o777).toString(8);

  beforeEach(async () => {
    directory = await makeTempDirectory();
  });
  afterEach(() => directory.remove());

  it('makes files and their directories for their owner alone', async () => {
    await writer.reset(at('a/b/f'), [text('he'), text(''), text('llo')]);
    expect(await contentOf('a/b/f')).toBe('hello');
    expect(await Promise.all(['a', 'a/b', 'a/b/f'].map(modeOf))).toEqual(['700', '700', '600']);
  });

  it('empties a file that exists', async () => {
    await writeFile(at('f'), 'something longer');
    await writer.reset(at('f'), [text('new')]);
    expect(await contentOf('f')).toBe('new');
    await writer.reset(at('f'), []);
    expect(await contentOf('f')).toBe('');
  });

  it('writes in place, and behind the end, and leaves the rest', async () => {
    await writeFile(at('f'), 'abcdef');
    await writer.write(at('f'), [text('X'), text('Y')], 2);
    await writer.write(at('f'), [text('gh')], 6);
    expect(await contentOf('f')).toBe('abXYefgh');
  });

  it('writes many small pieces at once, each to its own file, and keeps none open', async () => {
    const names = Array.from({ length: SMALL_PIECES }, (_unused, index) => `t${index % 50}/${index}`);
    const openFiles = async () => (await readdir('/proc/self/fd')).length;
    const openBefore = await openFiles();
    await Promise.all(names.map((name) => writer.reset(at(name), [text('a'), text(name)])));
    await Promise.all(names.map((name) => writer.write(at(name), [text(`<${name}>`)], name.length + 1)));
    expect(await openFiles()).toBe(openBefore);
    for (const name of names) expect(await contentOf(name)).toBe(`a${name}<${name}>`);
  });

  it('writes long pieces whole, beside small ones', async () => {
    const pieces = Array.from({ length: 20 }, (_unused, index) => {
      const letters = ALPHABET.slice(index) + ALPHABET.slice(0, index);
      return { name: `long${index}`, content: Buffer.alloc(300_000 + 100_000 * index, letters) };
    });
    await Promise.all(
      pieces.map(({ name, content }) => writer.reset(at(name), [content.subarray(0, 1_000), content.subarray(1_000)])),
    );
    await Promise.all(
      pieces.map(({ name, content }, index) =>
        writer.write(at(name), [text('!'), index % 2 === 0 ? content : text('?')], 5),
      ),
    );
    for (const [index, { name, content }] of pieces.entries()) {
      const expected =
        index % 2 === 0
          ? [content.subarray(0, 5), text('!'), content]
          : [content.subarray(0, 5), text('!?'), content.subarray(7)];
      expect((await readFile(at(name))).equals(Buffer.concat(expected))).toBe(true);
    }
  });

  it('takes no more memory for more long pieces', async () => {
    const piece = Buffer.alloc(1024 * 1024, 'x');
    await writer.reset(at('f'), [piece]);
    const before = process.memoryUsage.rss();
    for (let index = 0; index < 250; index += 1) await writer.write(at('f'), [piece], 0);
    expect((process.memoryUsage.rss() - before) / piece.length).toBeLessThan(100);
  });

  it('tells for each piece why it was not written, and writes the others', async () => {
    await mkdir(at('d'));
    await writeFile(at('target'), 'kept');
    await symlink(at('target'), at('link'));
    await writeFile(at('file'), 'kept');
    const settled = await Promise.allSettled([
      writer.write(at('none'), [text('x')], 0),
      writer.reset(at('first'), [text('1')]),
      writer.write(at('link'), [text('x')], 0),
      writer.reset(at('link'), [text('x')]),
      writer.reset(at('file/below'), [text('x')]),
      writer.reset(at('last'), [text('2')]),
    ]);
    const codes = settled.map((one) =>
      one.status === 'fulfilled' ? 'written' : (one.reason as NodeJS.ErrnoException).code,
    );
    expect(codes).toEqual([
      'ENOENT',
      'written',
      'ELOOP',
      expect.stringMatching(/ELOOP|EEXIST/),
      expect.stringMatching(/ENOTDIR|EEXIST/),
      'written',
    ]);
    expect(await Promise.all(['target', 'file', 'first', 'last'].map(contentOf))).toEqual(['kept', 'kept', '1', '2']);
  });
});

describe('a writer that gives descriptors back', () => {
  const outOf = (code: string) => Object.assign(new Error(code), { code });
  const failing = (failures: Error[]): { writer: FileWriter; calls: string[] } => {
    const calls: string[] = [];
    const call = (path: string): Promise<void> => {
      calls.push(path);
      const failure = failures.shift();
      return failure === undefined ? Promise.resolve() : Promise.reject(failure);
    };
    return { writer: { write: call, reset: call }, calls };
  };
  let directory: TempDirectory;
  beforeEach(async () => {
    directory = await makeTempDirectory();
  });
  afterEach(() => directory.remove());

  it('closes the idle files and tries once more when there are none left', async () => {
    const cache = createHandleCache(nodeFileSystem, 10);
    await writeFile(join(directory.path, 'idle'), '');
    await cache.use(join(directory.path, 'idle'), () => Promise.resolve());
    const { writer, calls } = failing([outOf('EMFILE')]);
    await sheddingWriter(writer, cache).write('f', [], 0);
    expect([calls, cache.size]).toEqual([['f', 'f'], 0]);
  });

  it('leaves a second want of descriptors, and every other failure, to the caller', async () => {
    const cache = createHandleCache(nodeFileSystem, 10);
    await expect(
      sheddingWriter(failing([outOf('EMFILE'), outOf('ENFILE')]).writer, cache).reset('f', []),
    ).rejects.toMatchObject({ code: 'ENFILE' });
    const { writer, calls } = failing([outOf('ENOSPC')]);
    await expect(sheddingWriter(writer, cache).reset('f', [])).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(calls).toEqual(['f']);
  });
});
