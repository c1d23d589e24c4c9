import { describe, expect, it } from '@jest/globals';
import type { FileSystem } from '@pulses/shared-ports';
import { createSimFileSystem, type SimFileSystem } from './sim-file-system';

const PAGE_BYTES = 16;
const SEEDS = Array.from({ length: 200 }, (_, seed) => seed);

function create(rest: { seed?: number; capacityBytes?: number } = {}): SimFileSystem {
  return createSimFileSystem({ seed: 1, pageBytes: PAGE_BYTES, ...rest });
}

const text = (content: string): Uint8Array => Buffer.from(content);

async function put(fileSystem: FileSystem, path: string, content: string, isSynced: boolean): Promise<void> {
  const file = await fileSystem.open(path, 'create');
  await file.write(text(content), 0);
  if (isSynced) await file.datasync();
  await file.close();
}

const contentOf = (fileSystem: SimFileSystem, path: string): string => Buffer.from(fileSystem.bytesOf(path)).toString();

/** The distinct states after 200 power cuts, sorted. */
function remains(fileSystem: SimFileSystem, look: (after: SimFileSystem) => string): string[] {
  return [...new Set(SEEDS.map((seed) => look(fileSystem.afterPowerCut(seed))))].sort();
}

const names = (after: SimFileSystem): string => after.files().join(' ');

describe('bytes', () => {
  it('of a synchronised file with a synchronised name survive every power cut', async () => {
    const fileSystem = create();
    await put(fileSystem, '/a', 'stored', true);
    await fileSystem.syncDirectory('/');
    expect(remains(fileSystem, (after) => contentOf(after, '/a'))).toEqual(['stored']);
  });

  it('that were written through survive every power cut, and are torn where it meets the write', async () => {
    const fileSystem = create();
    await put(fileSystem, '/a', 'o'.repeat(2 * PAGE_BYTES), true);
    await fileSystem.syncDirectory('/');
    const file = await fileSystem.open('/a', 'write-through');
    await file.write(text('m'.repeat(2 * PAGE_BYTES)), 0);
    expect(remains(fileSystem, (after) => contentOf(after, '/a'))).toEqual(['m'.repeat(2 * PAGE_BYTES)]);
    fileSystem.cutPowerAt(fileSystem.trace.length + 1);
    void file.write(text('n'.repeat(2 * PAGE_BYTES)), 0);
    await fileSystem.powerCut;
    const found = remains(fileSystem, (after) => contentOf(after, '/a').replaceAll(/(.)\1*/g, '$1'));
    expect(found).toEqual(expect.arrayContaining(['m', 'n', 'nm', 'mn']));
    expect(found.join('')).toMatch(/^[mn]+$/);
  });

  it('that were not synchronised are lost, kept or torn page by page', async () => {
    const fileSystem = create();
    await put(fileSystem, '/a', 'o'.repeat(3 * PAGE_BYTES), true);
    await fileSystem.syncDirectory('/');
    const file = await fileSystem.open('/a', 'write');
    await file.write(text('n'.repeat(3 * PAGE_BYTES)), 0);
    const pages = remains(fileSystem, (after) =>
      (contentOf(after, '/a').match(/.{16}/g) ?? [])
        .map((page) =>
          page === 'o'.repeat(16) ? 'old' : page === 'n'.repeat(16) ? 'new' : /^n+o+$/.test(page) ? 'torn' : 'wrong',
        )
        .join('-'),
    );
    expect(pages).toEqual(
      expect.arrayContaining(['old-old-old', 'new-new-new', 'old-new-old', 'new-old-new', 'new-new-torn']),
    );
    expect(pages.filter((state) => state.includes('wrong'))).toEqual([]);
  });

  it('are zero where only the length survived', async () => {
    const fileSystem = create();
    await put(fileSystem, '/a', '', true);
    await fileSystem.syncDirectory('/');
    const file = await fileSystem.open('/a', 'write');
    await file.write(text('x'.repeat(2 * PAGE_BYTES)), 0);
    const states = remains(fileSystem, (after) => contentOf(after, '/a'));
    expect(states).toEqual(expect.arrayContaining(['', 'x'.repeat(32), '\0'.repeat(16) + 'x'.repeat(16)]));
  });

  it('cut off by truncate return unless it was synchronised', async () => {
    const fileSystem = create();
    await put(fileSystem, '/a', 'long text', true);
    await fileSystem.syncDirectory('/');
    const file = await fileSystem.open('/a', 'write');
    await file.truncate(4);
    expect(contentOf(fileSystem, '/a')).toBe('long');
    expect(remains(fileSystem, (after) => contentOf(after, '/a'))).toEqual(
      expect.arrayContaining(['long', 'long text']),
    );
    await file.datasync();
    expect(remains(fileSystem, (after) => contentOf(after, '/a'))).toEqual(['long']);
  });

  it('of a failed datasync stay readable but never survive a power cut, even after a later datasync', async () => {
    const fileSystem = create();
    await put(fileSystem, '/a', '', true);
    await fileSystem.syncDirectory('/');
    const file = await fileSystem.open('/a', 'write');
    await file.write(text('first'), 0);
    fileSystem.setFault({ call: fileSystem.trace.length + 1, kind: 'EIO', isForEver: false });
    await expect(file.datasync()).rejects.toMatchObject({ code: 'EIO' });
    await file.datasync();
    expect(contentOf(fileSystem, '/a')).toBe('first');
    expect(remains(fileSystem, (after) => contentOf(after, '/a'))).toEqual(['']);
    await file.write(text('second'), PAGE_BYTES);
    await file.datasync();
    expect(remains(fileSystem, (after) => contentOf(after, '/a'))).toEqual(['\0'.repeat(PAGE_BYTES) + 'second']);
  });
});

describe('names', () => {
  it('created, renamed or removed survive each on its own until their directory is synchronised', async () => {
    const fileSystem = create();
    await put(fileSystem, '/old', '', true);
    await put(fileSystem, '/from', '', true);
    await fileSystem.syncDirectory('/');
    await fileSystem.remove('/old');
    await fileSystem.rename('/from', '/to');
    await put(fileSystem, '/made', '', true);
    const choices = ['/from', '/to'].flatMap((moved) => [
      moved,
      `/made ${moved}`,
      moved < '/old' ? `${moved} /old` : `/old ${moved}`,
      moved < '/old' ? `${moved} /made /old` : `/made /old ${moved}`,
    ]);
    expect(remains(fileSystem, (after) => after.files().sort().join(' '))).toEqual(
      choices.map((choice) => choice.split(' ').sort().join(' ')).sort(),
    );
    await fileSystem.syncDirectory('/');
    expect(remains(fileSystem, names)).toEqual(['/made /to']);
  });

  it('disappear with a directory whose own name is not durable', async () => {
    const fileSystem = create();
    await fileSystem.makeDirectory('/a/b');
    await put(fileSystem, '/a/b/c', '', true);
    await fileSystem.syncDirectory('/a/b');
    await fileSystem.syncDirectory('/a');
    expect(remains(fileSystem, names)).toEqual(['', '/a/b/c']);
    await fileSystem.syncDirectory('/');
    expect(remains(fileSystem, names)).toEqual(['/a/b/c']);
  });

  it('replace others atomically', async () => {
    const fileSystem = create();
    await put(fileSystem, '/a', 'old', true);
    await put(fileSystem, '/a.tmp', 'new', true);
    await fileSystem.syncDirectory('/');
    await fileSystem.rename('/a.tmp', '/a');
    expect(remains(fileSystem, (after) => contentOf(after, '/a'))).toEqual(['new', 'old']);
  });
});

describe('calls', () => {
  it('fail from the given number on, once or always, and change nothing', async () => {
    const fileSystem = create();
    fileSystem.setFault({ call: 2, kind: 'ENOSPC', isForEver: false });
    await fileSystem.makeDirectory('/a');
    await expect(fileSystem.open('/a/b', 'create')).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await fileSystem.exists('/a/b')).toBe(false);
    fileSystem.setFault({ call: 4, kind: 'EMFILE', isForEver: true });
    for (const path of ['/a/b', '/a/c'])
      await expect(fileSystem.open(path, 'create')).rejects.toMatchObject({ code: 'EMFILE' });
    fileSystem.setFault(undefined);
    await put(fileSystem, '/a/b', 'x', false);
    expect(fileSystem.trace).toEqual([
      'makeDirectory',
      'create',
      'exists',
      'create',
      'create',
      'create',
      'write',
      'close',
    ]);
    expect(fileSystem.openHandles).toBe(0);
  });

  it('fail only when the fault applies to them', async () => {
    const fileSystem = create();
    fileSystem.setFault({ call: 1, kind: 'EIO', isForEver: true, only: ['datasync'] });
    const file = await fileSystem.open('/a', 'create');
    expect(await file.write(text('x'), 0)).toBe(1);
    await expect(file.datasync()).rejects.toMatchObject({ code: 'EIO' });
  });

  it('store and report a part when they are short', async () => {
    const fileSystem = create();
    const file = await fileSystem.open('/a', 'create');
    fileSystem.setFault({ call: 2, kind: 'short', isForEver: false });
    const count = await file.writev([text('1234'), text('5678')], 0);
    expect(count).toBeGreaterThan(0);
    expect(count).toBeLessThan(8);
    expect(contentOf(fileSystem, '/a')).toBe('12345678'.slice(0, count));
  });

  it('write what fits on a full disk, and then nothing until space is freed', async () => {
    const fileSystem = create({ capacityBytes: 10 });
    const file = await fileSystem.open('/a', 'create');
    expect(await file.write(text('12345678'), 0)).toBe(8);
    expect(await file.write(text('abcd'), 8)).toBe(2);
    await expect(file.write(text('cd'), 10)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await file.write(text('X'), 0)).toBe(1);
    await file.truncate(4);
    expect(await file.write(text('abcd'), 4)).toBe(4);
    expect(fileSystem.usedBytes).toBe(8);
  });

  it('fail with the error codes of the system', async () => {
    const fileSystem = create();
    await fileSystem.makeDirectory('/a');
    await put(fileSystem, '/a/b', 'x', true);
    await expect(fileSystem.open('/a/b', 'create')).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(fileSystem.open('/a/c', 'read')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(fileSystem.removeDirectory('/a')).rejects.toMatchObject({ code: 'ENOTEMPTY' });
    await expect(fileSystem.remove('/a/c')).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(fileSystem.list('/a/b')).rejects.toMatchObject({ code: 'ENOTDIR' });
    const file = await fileSystem.open('/a/b', 'read');
    await expect(file.write(text('y'), 0)).rejects.toMatchObject({ code: 'EBADF' });
    await fileSystem.remove('/a/b');
    const into = new Uint8Array(5);
    expect(await file.read(into, 0)).toBe(1);
    await file.close();
    await expect(file.read(into, 0)).rejects.toMatchObject({ code: 'EBADF' });
  });

  it('never settle after a power cut', async () => {
    const fileSystem = create();
    fileSystem.cutPowerAt(3);
    const file = await fileSystem.open('/a', 'create');
    await file.write(text('x'), 0);
    let isSettled = false;
    void file.datasync().finally(() => (isSettled = true));
    await fileSystem.powerCut;
    void file.write(text('y'), 1).finally(() => (isSettled = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(isSettled).toBe(false);
    expect(contentOf(fileSystem, '/a')).toBe('x');
  });
});

describe('a copy', () => {
  it('keeps unsynchronised state and is independent of its original', async () => {
    const fileSystem = create();
    await put(fileSystem, '/a', 'x', false);
    const copy = fileSystem.fork();
    expect(remains(copy, names)).toEqual(['', '/a']);
    await copy.remove('/a');
    expect(copy.files()).toEqual([]);
    expect(fileSystem.files()).toEqual(['/a']);
  });

  it('holds no lock, while one directory has at most one lock', async () => {
    const fileSystem = create();
    await fileSystem.makeDirectory('/a');
    const lock = await fileSystem.lockDirectory('/a');
    await expect(fileSystem.lockDirectory('/a')).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
    await (await fileSystem.fork().lockDirectory('/a')).release();
    await lock.release();
    await (await fileSystem.lockDirectory('/a')).release();
  });
});
