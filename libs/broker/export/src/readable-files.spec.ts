import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SILENT_LOGGER, type Logger } from '@pulses/shared-ports';
import { createSimClock, createSimFileSystem, type SimClock, type SimFileSystem } from '@pulses/testing-sim';
import { ReadableFiles } from './readable-files';
import { MemoryTopics } from './testing/memory-topics';

const ROOM = 1e12;

describe('readable files', () => {
  let disk: SimFileSystem;
  let log: MemoryTopics;
  let clock: SimClock;
  let files: ReadableFiles;
  let told: string[];
  let free: () => Promise<number>;

  const logger: Logger = {
    ...SILENT_LOGGER,
    info: (_, message) => told.push(message),
    warn: (fields, message) => told.push(`${message}: ${(fields as { reason?: string }).reason ?? ''}`),
  };
  const start = (topicsMax = 1_000): void => {
    const freeBytes = () => free();
    files = new ReadableFiles({ log, fileSystem: disk, clock, logger, directory: '/topics', topicsMax, freeBytes });
    files.start();
  };
  const textOf = (topic: string): string =>
    disk
      .files()
      .filter((path) => path.startsWith(`/topics/${topic}/`))
      .map((path) => Buffer.from(disk.bytesOf(path)).toString())
      .join('');

  beforeEach(() => {
    disk = createSimFileSystem({ seed: 1 });
    log = new MemoryTopics();
    clock = createSimClock();
    told = [];
    free = () => Promise.resolve(ROOM);
  });
  afterEach(async () => {
    const stopped = files.stop();
    await clock.advance(2_000);
    await stopped;
  });

  it('trail by less than a second', async () => {
    start();
    await clock.advance(1_000);
    for (let second = 0; second < 5; second += 1) {
      log.append('a', `${second}`);
      log.append('b', `${second}`);
      await clock.advance(900);
      for (const topic of ['a', 'b']) expect(textOf(topic)).toBe(log.textOf(topic));
    }
    expect(told).toEqual([]);
  });

  it('go on after a stop, and after a kill', async () => {
    for (const isKilled of [true, false]) {
      start();
      log.append('a', '1', '2');
      await clock.advance(900);
      if (!isKilled) await files.stop();
      disk = disk.fork();
    }
    start();
    log.append('a', '3');
    await clock.advance(900);
    expect(textOf('a')).toBe(log.textOf('a'));
  });

  it('stop with more topics than they are for, which is said once, and go on with fewer', async () => {
    for (let topic = 0; topic < 1_001; topic += 1) log.append(`t${topic}`, 'x');
    start();
    await clock.advance(60_000);
    expect(disk.files()).toEqual([]);
    expect(told).toEqual([expect.stringContaining('readable files stop: there are more topics')]);
    log.delete('t0');
    await clock.advance(60_000);
    expect(disk.files()).toHaveLength(1_001);
    expect(told.slice(1)).toEqual(['readable files go on']);
  });

  it('are written for any number of topics when they are asked for', async () => {
    for (let topic = 0; topic < 1_001; topic += 1) log.append(`t${topic}`, 'x');
    start(Infinity);
    await clock.advance(900);
    expect([disk.files().length, told]).toEqual([1_002, []]);
  });

  it('pause while the disk is full, say so once a minute, and go on', async () => {
    log.append('a', 'x'.repeat(50));
    start();
    await clock.advance(900);
    disk.setCapacity(disk.usedBytes + 10);
    log.append('a', 'y'.repeat(50));
    await clock.advance(150_000);
    expect(told.length).toBeGreaterThan(0);
    expect(told.length).toBeLessThanOrEqual(3);
    expect(new Set(told)).toEqual(new Set([expect.stringContaining('ENOSPC')]));
    disk.setCapacity(Infinity);
    await clock.advance(11_000);
    expect(textOf('a')).toBe(log.textOf('a'));
  });

  it('leave the last room of the disk to the log', async () => {
    free = () => Promise.resolve(100 * 1024 * 1024);
    log.append('a', 'x');
    start();
    await clock.advance(50_000);
    expect(disk.files()).toEqual([]);
    expect(told).toEqual([expect.stringContaining('less than 256 MiB of room')]);
    free = () => Promise.resolve(ROOM);
    await clock.advance(11_000);
    expect(textOf('a')).toBe('x\n');
  });

  it('are written beside a topic that cannot be read, of which is said little', async () => {
    log.append('bad', 'x');
    log.append('good', 'x');
    log.damaged.add('bad');
    start();
    await clock.advance(50_000);
    expect([textOf('good'), told]).toEqual(['x\n', [expect.stringContaining('bad is damaged')]]);
  });

  it('hold everything after a stop, and leave nothing open', async () => {
    start();
    log.append('a', '1');
    await clock.advance(900);
    log.append('a', '2');
    log.append('b', '1');
    await files.stop();
    expect([textOf('a'), textOf('b')]).toEqual(['1\n2\n', '1\n']);
    expect([disk.openHandles, clock.timerCount]).toEqual([0, 0]);
    await (await disk.lockDirectory('/topics')).release();
  });

  it('keep exports of others out of their directory', async () => {
    start();
    await clock.advance(900);
    await expect(disk.lockDirectory('/topics')).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
  });
});
