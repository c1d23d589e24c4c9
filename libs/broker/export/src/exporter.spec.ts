import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { createSimClock, createSimFileSystem, createSimRandom, type SimFileSystem } from '@pulses/testing-sim';
import type { Clock } from '@pulses/shared-ports';
import { Exporter, type ExporterOptions } from './exporter';
import { logSource } from './export-source';
import { MemoryTopics } from './testing/memory-topics';
import { topicDirectoryName } from './topic-names';

const DIRECTORY = '/out';
const FILE_BYTES_MAX = 100;

/** Timers are due at once. */
const CLOCK: Clock = {
  ...createSimClock(),
  setTimer: (_, run) => {
    setImmediate(run);
    return { cancel: () => undefined };
  },
};

type Settings = Partial<Omit<ExporterOptions, 'fileSystem' | 'source'>>;

function open(disk: SimFileSystem, log: MemoryTopics, settings: Settings = {}): Promise<Exporter> {
  const source = logSource(log, CLOCK);
  const usual = { directory: DIRECTORY, isMirror: true, fileBytesMax: FILE_BYTES_MAX };
  return Exporter.open({ ...usual, ...settings, fileSystem: disk, source });
}

/** One start, one pass, one stop. */
async function exported(disk: SimFileSystem, log: MemoryTopics, settings: Settings = {}): Promise<Exporter> {
  const exporter = await open(disk, log, settings);
  expect(await exporter.pass()).toBe('complete');
  await exporter.close();
  return exporter;
}

function filesOf(disk: SimFileSystem, topic: string): string[] {
  return disk.files().filter((path) => path.startsWith(`${DIRECTORY}/${topicDirectoryName(topic)}/`));
}

function textIn(disk: SimFileSystem, topic: string): string {
  return filesOf(disk, topic)
    .map((path) => Buffer.from(disk.bytesOf(path)).toString())
    .join('');
}

const lines = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `{"n":${from + index}}`);

function start(): { disk: SimFileSystem; log: MemoryTopics } {
  const log = new MemoryTopics();
  log.append('a', ...lines(0, 50));
  log.append('b/ö', ...lines(100, 5));
  return { disk: createSimFileSystem({ seed: 1 }), log };
}

describe('an export', () => {
  it('has the lines of each topic, in files named by their first offset', async () => {
    const { disk, log } = start();
    const { totals } = await exported(disk, log);
    expect(totals).toEqual({ topics: 2, messages: 55, bytes: log.textOf('a').length + log.textOf('b/ö').length });
    for (const topic of ['a', 'b/ö']) expect(textIn(disk, topic)).toBe(log.textOf(topic));
    expect(filesOf(disk, 'a').length).toBeGreaterThan(3);
    for (const path of filesOf(disk, 'a')) {
      const bytes = disk.bytesOf(path);
      expect(bytes.length).toBeLessThanOrEqual(FILE_BYTES_MAX);
      const first = Number(/(\d{16})\.ndjson$/.exec(path)?.[1]);
      expect(Buffer.from(bytes).toString().split('\n')[0]).toBe(`{"n":${first}}`);
    }
    expect(disk.openHandles).toBe(0);
  });

  it('goes on where an earlier one has ended', async () => {
    const { disk, log } = start();
    await exported(disk, log);
    log.append('a', ...lines(50, 20));
    log.append('c', 'x');
    const { totals } = await exported(disk, log);
    expect(totals).toMatchObject({ topics: 2, messages: 21 });
    for (const topic of ['a', 'b/ö', 'c']) expect(textIn(disk, topic)).toBe(log.textOf(topic));
  });

  it.each(['a kill', 'a stop'])('goes on after %s, and an end in the middle of any line', async (end) => {
    const { disk, log } = start();
    const exporter = await open(disk, log);
    await exporter.pass();
    if (end === 'a stop') await exporter.close();
    const newest = filesOf(disk, 'a').at(-1)!; // there are some
    const whole = disk.bytesOf(newest);
    log.append('a', ...lines(50, 1));
    for (let length = 0; length <= whole.length; length += 1) {
      const cut = disk.fork();
      cut.replaceBytes(newest, whole.slice(0, length));
      await exported(cut, log);
      expect(textIn(cut, 'a')).toBe(log.textOf('a'));
    }
  });

  it('goes on after a kill between any two calls, a stop included', async () => {
    const { log } = start();
    log.delete('b/ö');
    for (let call = 1, isDone = false; !isDone; call += 1) {
      const disk = createSimFileSystem({ seed: 1 });
      const fault = { call, kind: 'EIO', isForEver: true } as const;
      disk.setFault(fault);
      isDone = await exported(disk, log).then(
        () => true,
        () => false,
      );
      const after = disk.fork();
      await exported(after, log);
      expect(textIn(after, 'a')).toBe(log.textOf('a'));
    }
  });

  it('recovers from any failed or short call in the passes after', async () => {
    for (const kind of ['EIO', 'ENOSPC', 'short'] as const) {
      let failures = 0;
      for (let call = 1; call <= 60; call += 1) {
        const { disk, log } = start();
        const exporter = await open(disk, log);
        disk.setFault({ call: disk.trace.length + call, kind, isForEver: false });
        for (let pass = 0; pass < 3; pass += 1) {
          await exporter.pass().catch(() => (failures += 1));
          log.append('a', ...lines(50 + pass, 1));
        }
        disk.setFault(undefined);
        expect(await exporter.pass()).toBe('complete');
        for (const topic of ['a', 'b/ö']) expect(textIn(disk, topic)).toBe(log.textOf(topic));
      }
      expect(failures > 40).toBe(kind !== 'short');
    }
  });

  it(`is right whatever happens, in any order (${SCALE.note})`, async () => {
    for (const seed of SCALE.seeds(SCALE.sizeOf({ sample: 60, fault: 1_000, torture: 20_000 }))) {
      const random = createSimRandom(seed);
      const below = (count: number): number => Math.floor(random.fraction() * count);
      const log = new MemoryTopics({ recordsPerBatch: 1 + below(5) });
      let disk = createSimFileSystem({ seed });
      let exporter = await open(disk, log);
      for (let step = 0; step < 30; step += 1) {
        const topic = `t${below(4)}`;
        const info = log.topics({ prefix: topic, after: '', limit: 1 }).topics[0];
        const what = below(10);
        if (what < 5) log.append(topic, ...lines(below(1e6), 1 + below(20)));
        else if (what === 5) log.delete(topic);
        else if (what === 6 && info !== undefined)
          log.trim(topic, info.startOffset + below(info.nextOffset - info.startOffset + 1));
        else if (what === 7) disk.setFault({ call: disk.trace.length + below(30), kind: 'EIO', isForEver: false });
        else if (what === 8) {
          if (below(2) === 0) await exporter.close().catch(() => undefined);
          disk = disk.fork(seed);
          exporter = await open(disk, log);
        }
        if (below(3) > 0) await exporter.pass({ bytesMax: 1 + below(300) }).catch(() => undefined);
      }
      disk.setFault(undefined);
      while ((await exporter.pass()) !== 'complete');
      for (const topic of ['t0', 't1', 't2', 't3']) {
        const info = log.topics({ prefix: topic, after: '', limit: 1 }).topics[0];
        // Whole files go, so there can be lines before the first that is kept.
        if (info === undefined) expect([seed, filesOf(disk, topic)]).toEqual([seed, []]);
        else expect([seed, textIn(disk, topic).endsWith(log.textOf(topic))]).toEqual([seed, true]);
      }
      expect(disk.openHandles).toBe(0);
    }
  });
});

describe('a mirror', () => {
  it.each([true, false])(
    'replaces the files of a topic that was deleted and made again (restart %s)',
    async (restart) => {
      const { disk, log } = start();
      let exporter = await open(disk, log);
      await exporter.pass();
      log.delete('a');
      log.append('a', ...lines(7_000, 60));
      if (restart) {
        await exporter.close();
        exporter = await open(disk, log);
      }
      await exporter.pass();
      expect(textIn(disk, 'a')).toBe(log.textOf('a'));
    },
  );

  it('removes the files of deleted topics, and directories that it does not know', async () => {
    const { disk, log } = start();
    await exported(disk, log);
    log.delete('a');
    await disk.makeDirectory(`${DIRECTORY}/unknown`);
    await (await disk.open(`${DIRECTORY}/unknown/0000000000000000.ndjson`, 'create')).close();
    await exported(disk, log);
    expect(disk.files().filter((path) => !path.includes('b+2F'))).toEqual([`${DIRECTORY}/.export`]);
    expect(await disk.list(DIRECTORY)).toEqual(expect.not.arrayContaining(['a', 'unknown']));
  });

  it('removes files of which no message is kept, and leaves out what it missed', async () => {
    const { disk, log } = start();
    const exporter = await open(disk, log);
    await exporter.pass();
    const before = filesOf(disk, 'a');
    log.trim('a', 30);
    await exporter.pass();
    expect(filesOf(disk, 'a').length).toBeLessThan(before.length);
    expect(textIn(disk, 'a').endsWith(log.textOf('a'))).toBe(true);
    const [first] = filesOf(disk, 'a');
    expect(Number(/(\d{16})\.ndjson$/.exec(first ?? '')?.[1])).toBeLessThanOrEqual(30);
    log.append('a', ...lines(50, 20));
    log.trim('a', 60);
    await exporter.pass();
    expect(textIn(disk, 'a')).toBe(log.textOf('a'));
    expect(filesOf(disk, 'a')[0]).toMatch(/0000000000000060\.ndjson$/);
  });

  it('begins again when the log is one from before, or the files were removed', async () => {
    const { disk, log } = start();
    const exporter = await open(disk, log);
    await exporter.pass();
    log.rollBack('a', 10);
    log.append('a', ...lines(900, 3));
    await exporter.pass();
    expect(textIn(disk, 'a')).toBe(log.textOf('a'));
    for (const path of filesOf(disk, 'a')) await disk.remove(path);
    log.append('a', ...lines(903, 1));
    await exporter.pass().catch(() => undefined);
    await exporter.pass();
    expect(textIn(disk, 'a')).toBe(log.textOf('a'));
  });

  it('leaves out what cannot be read, and nothing else', async () => {
    const { disk, log } = start();
    log.damaged.add('a');
    const told: string[] = [];
    const exporter = await open(disk, log, { onUnreadable: (topic, { code }) => told.push(`${topic} ${code}`) });
    expect(await exporter.pass()).toBe('partial');
    expect([told, textIn(disk, 'b/ö')]).toEqual([['a JOURNAL_CORRUPT'], log.textOf('b/ö')]);
  });
});

describe('an export that keeps all', () => {
  const keeping = { isMirror: false };

  it('keeps files of deleted topics and of removed messages', async () => {
    const { disk, log } = start();
    await exported(disk, log, keeping);
    const before = disk.files();
    log.trim('a', 50);
    log.delete('b/ö');
    log.append('a', ...lines(50, 1));
    await exported(disk, log, keeping);
    expect(disk.files()).toEqual(expect.arrayContaining(before));
    expect(textIn(disk, 'a').split('\n')).toHaveLength(52);
  });

  it('is refused for a topic that was deleted and made again, and leaves its files', async () => {
    const { disk, log } = start();
    // As a kill leaves it.
    await (await open(disk, log, keeping)).pass();
    const before = disk.files();
    log.delete('a');
    log.append('a', ...lines(900, 60));
    const exporter = await open(disk, log, keeping);
    await expect(exporter.pass()).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: /topic a .* another one/ });
    expect(disk.files()).toEqual(before);
  });

  it('is refused in a directory of another log, or of something else', async () => {
    const { disk, log } = start();
    await exported(disk, log, keeping);
    const other = new MemoryTopics({ logId: 'b'.repeat(24) });
    for (const topic of ['a', 'c']) {
      other.append(topic, '1');
      const exporter = await open(disk, other, keeping);
      await expect(exporter.pass()).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: /another log/ });
      other.delete(topic);
    }
    await disk.makeDirectory('/home');
    await (await disk.open('/home/letter', 'create')).close();
    await expect(open(disk, log, { ...keeping, directory: '/home' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: /^--to: '\/home' .*'letter'/,
    });
  });
});

describe('the limits of a pass', () => {
  it('leave no topic out for ever', async () => {
    const disk = createSimFileSystem({ seed: 1 });
    const log = new MemoryTopics({ recordsPerBatch: 1 });
    const topics = ['a', 'b', 'c', 'd'];
    for (const topic of topics) log.append(topic, ...lines(0, 3));
    const exporter = await open(disk, log);
    for (let pass = 0; pass < 30; pass += 1) {
      await exporter.pass({ bytesMax: 5 });
      // The first topic is never done.
      log.append('a', 'more');
    }
    for (const topic of ['b', 'c', 'd']) expect(textIn(disk, topic)).toBe(log.textOf(topic));
  });

  it('end it when it is told to, with whole messages', async () => {
    const { disk, log } = start();
    const exporter = await open(disk, log);
    const stop = new AbortController();
    stop.abort();
    expect(await exporter.pass({ signal: stop.signal })).toBe('partial');
    expect(exporter.totals.messages).toBe(0);
  });
});
