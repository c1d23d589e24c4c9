import { describe, expect, it } from '@jest/globals';
import { columnsOf } from '@pulses/broker-wire';
import { crc32 } from 'node:zlib';
import { createSimFileSystem } from '@pulses/testing-sim';
import { SILENT_LOGGER, type OpenMode } from '@pulses/shared-ports';
import { lines, publish, readMessages } from './testing/log-fixture';
import { fill, filesIn, machine, opened, SMALL_OPTIONS, text } from './testing/small-log';
import { DIRECTORY, settled, type Machine } from './testing/torture-run';

describe('a full segment', () => {
  it('becomes a run for each kind of topics, and is given up once two checkpoints know them', async () => {
    const on = machine();
    const log = await opened(on);
    const a = await fill(on, log, 'a', 10);
    const out = await fill(on, log, 'out', 10);
    expect(filesIn(on, 'runs')).toEqual([
      expect.stringMatching(/^0{15}1\.0\.run$/),
      expect.stringMatching(/^0{15}1\.1\.run$/),
    ]);
    expect(filesIn(on, 'checkpoints')).toHaveLength(1);
    expect(filesIn(on, 'journal')[0]).toBe('0000000000000001.journal');
    a.push(...(await fill(on, log, 'a', 30)));
    expect(filesIn(on, 'checkpoints')).toHaveLength(2);
    expect(filesIn(on, 'journal').length).toBeLessThanOrEqual(3);
    expect(filesIn(on, 'journal')[0]).not.toBe('0000000000000001.journal');
    expect(log.unsealedBytes).toBe(0);
    expect([await readMessages(log, 'a', 350), await readMessages(log, 'out', 150)]).toEqual([a, out]);
    await settled(on, log.close());
  });

  it('is read back from its runs after a restart, and from both after a restart without the newest checkpoint', async () => {
    const on = machine();
    const log = await opened(on);
    const a = await fill(on, log, 'a', 60);
    await settled(on, log.close());
    const newest = filesIn(on, 'checkpoints').at(-1) ?? '';
    const path = `${DIRECTORY}/checkpoints/${newest}`;
    const damaged = on.fileSystem.fork();
    damaged.replaceBytes(path, damaged.bytesOf(path).fill(0, 40, 48));
    for (const disk of [on.fileSystem.fork(), damaged]) {
      const after = machine(disk);
      const again = await opened(after);
      expect(await readMessages(again, 'a')).toEqual(a);
      a.push(...(await fill(after, again, 'a', 1)));
      expect(await readMessages(again, 'a', 10)).toEqual(a);
      a.pop();
      await settled(after, again.close());
    }
  });

  it('keeps the checkpoint that a start has used until two are newer, not one that it found damaged', async () => {
    const on = machine();
    const log = await opened(on);
    const a = await fill(on, log, 'a', 60);
    await settled(on, log.close());
    const checkpoints = (of: Machine): string[] => filesIn(of, 'checkpoints').sort();
    const damage = (of: Machine, name: string): void => {
      const path = `${DIRECTORY}/checkpoints/${name}`;
      of.fileSystem.replaceBytes(path, of.fileSystem.bytesOf(path).fill(0, 40, 48));
    };
    const [older = '', newest = ''] = checkpoints(on);
    damage(on, newest);
    const after = machine(on.fileSystem.fork());
    const again = await opened(after);
    for (let passes = 0; checkpoints(after).every((name) => name <= newest); passes += 1) {
      expect(passes).toBeLessThan(100);
      a.push(...(await fill(after, again, 'a', 1)));
    }
    expect(checkpoints(after)).toEqual([older, expect.not.stringContaining(newest)]);
    await settled(after, again.close());
    damage(after, checkpoints(after).at(-1) ?? '');
    const last = machine(after.fileSystem.fork());
    const third = await opened(last);
    expect(await readMessages(third, 'a')).toEqual(a);
    await settled(last, third.close());
  });

  it('that is used again holds no torn frame after a clean stop', async () => {
    const on = machine();
    const options = { ...SMALL_OPTIONS, journalMode: 'recycled' as const };
    const log = await opened(on, { options });
    const a = await fill(on, log, 'a', 100);
    await publish(log, 'a', ['short']); // ends where no frame of before does
    const used = filesIn(on, 'journal').filter((name) => name.endsWith('.journal'));
    await settled(on, log.close());
    const warnings: string[] = [];
    const warn = (_: object, message: string) => warnings.push(message);
    const again = await opened(on, { options, logger: { ...SILENT_LOGGER, warn } });
    expect(warnings).toEqual([]);
    expect(filesIn(on, 'journal')).toEqual(expect.arrayContaining(used.slice(-1)));
    expect(await readMessages(again, 'a')).toEqual([...a, 'short']);
    await settled(on, again.close());
  });

  it('that is damaged ends the log before a run holds the damage', async () => {
    const on = machine();
    const log = await opened(on);
    await fill(on, log, 'a', 5);
    const [name = ''] = filesIn(on, 'journal');
    const path = `${DIRECTORY}/journal/${name}`;
    const bytes = on.fileSystem.bytesOf(path);
    bytes[bytes.length - 20]! ^= 1; // a message is longer
    on.fileSystem.replaceBytes(path, bytes);
    await fill(on, log, 'a', 20).catch(() => undefined);
    expect(await log.failed).toMatchObject({ code: 'JOURNAL_CORRUPT', message: expect.stringContaining(path) });
    expect(filesIn(on, 'runs').filter((file) => file.endsWith('.run'))).toEqual([]);
    await settled(on, log.close());
  });

  it('makes commits wait while too much is not sealed, and refuses them while a full disk keeps it from that', async () => {
    const on = machine();
    let isFull = false;
    const fileSystem = {
      ...on.fileSystem,
      open: async (path: string, mode: OpenMode) => {
        if (isFull && path.includes('/runs/')) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
        return await on.fileSystem.open(path, mode);
      },
    };
    const log = await opened(on, {
      fileSystem,
      options: { ...SMALL_OPTIONS, unsealedBytesMax: 4_000, retryDelayMs: 20 },
    });
    const a = await fill(on, log, 'a', 200);
    isFull = true;
    const codes: string[] = [];
    for (let at = 0; at < 100; at += 1) {
      const sent = publish(log, 'a', [text(200 + at)]);
      const code = await settled(
        on,
        sent.then(() => 'stored').catch((error: { code: string }) => error.code),
      );
      codes.push(code ?? '');
      if (code === 'stored') a.push(text(200 + at));
    }
    expect(codes.at(-1)).toBe('STORAGE_FULL');
    isFull = false;
    await on.clock.advance(100);
    a.push(...(await fill(on, log, 'a', 1)).map(() => text(log.topic('a')!.nextOffset - 1))); // made just now
    expect((await readMessages(log, 'a')).length).toBe(a.length);
    await settled(on, log.close());
  });

  it('is sealed also when the request that found it full is refused', async () => {
    const on = machine();
    const log = await opened(on);
    let sent = 0;
    const { incarnation } = await log.createTopic('a');
    while (filesIn(on, 'journal').length < 2 && sent < 100) {
      sent += (await fill(on, log, 'a', 1)).length;
      const stale = { group: 'g', groupEpoch: 7, topic: 'a', incarnation, positions: [], ...columnsOf([]) };
      await expect(log.commit(stale)).rejects.toMatchObject({ code: 'FENCED' });
      await on.clock.advance(1);
    }
    expect([log.topic('a')?.nextOffset, log.unsealedBytes, filesIn(on, 'runs').length]).toEqual([sent, 0, 1]);
    await settled(on, log.close());
  });

  it('is read on while it is sealed, given up and used again', async () => {
    const on = machine();
    let gate: PromiseWithResolvers<void> | undefined;
    let waiting = 0;
    const fileSystem = {
      ...on.fileSystem,
      open: async (path: string, mode: OpenMode) => {
        const handle = await on.fileSystem.open(path, mode);
        const read: typeof handle.read = async (into, position) => {
          waiting += 1;
          await gate?.promise;
          return await handle.read(into, position);
        };
        // Only the handle that a reader keeps; what seals opens one later.
        return mode === 'read' && path.endsWith('0001.journal') && gate !== undefined ? { ...handle, read } : handle;
      },
    };
    const log = await opened(on, { fileSystem, options: { ...SMALL_OPTIONS, journalMode: 'recycled' } });
    const a = await fill(on, log, 'a', 5);
    gate = Promise.withResolvers();
    const { incarnation } = log.topic('a')!; // made above
    const reading = log.read('a', incarnation, 0, 10_000);
    while (waiting === 0) await on.clock.advance(1);
    const { promise, resolve } = gate;
    gate = undefined;
    a.push(...(await fill(on, log, 'a', 100)));
    expect(filesIn(on, 'journal')).not.toContain('0000000000000001.journal');
    resolve();
    await promise;
    const batches = (await settled(on, reading)) ?? [];
    const text0 = batches.map(({ payload }) => Buffer.from(payload).toString()).join('');
    expect(text0).toBe(
      a
        .slice(
          0,
          batches.reduce((sum, { recordCount }) => sum + recordCount, 0),
        )
        .map((line) => `${line}\n`)
        .join(''),
    );
    expect(text0.length).toBeGreaterThan(0);
    await settled(on, log.close());
    expect(on.fileSystem.openHandles).toBe(0);
  });

  it('of many starts is sealed with others', async () => {
    let disk = createSimFileSystem({ seed: 1 });
    const sent: string[] = [];
    for (let life = 0; life < 40; life += 1) {
      const on = machine(disk);
      const log = await opened(on, { options: { ...SMALL_OPTIONS, segmentBytesMax: 100_000 } });
      sent.push(...(await fill(on, log, 'a', 1)));
      // A killed process attests nothing: each start copies the newest frame into a segment of its own.
      disk = on.fileSystem.fork(life);
    }
    const on = machine(disk);
    const log = await opened(on, { options: { ...SMALL_OPTIONS, segmentBytesMax: 100_000 } });
    await on.clock.advance(100);
    expect(await readMessages(log, 'a')).toEqual(sent);
    expect(filesIn(on, 'journal').length).toBeLessThanOrEqual(34);
    await settled(on, log.close());
  });
});

describe('a run', () => {
  it('goes when its topics are deleted, and the others keep their messages', async () => {
    const on = machine();
    const log = await opened(on);
    await fill(on, log, 'out', 60);
    const a = await fill(on, log, 'a', 60);
    const before = filesIn(on, 'runs').length;
    await log.deleteTopics(['out']);
    await on.clock.advance(200);
    expect(filesIn(on, 'runs').filter((name) => name.endsWith('.1.run'))).toEqual([]);
    expect(filesIn(on, 'runs').length).toBeLessThan(before);
    expect(await readMessages(log, 'a')).toEqual(a);
    await settled(on, log.close());
    const after = machine(on.fileSystem.fork());
    const again = await opened(after);
    expect(await readMessages(again, 'a')).toEqual(a);
    await settled(after, again.close());
  });

  it('of a topic with much in it is read from any offset, a few messages at a time', async () => {
    const on = machine();
    const log = await opened(on, { options: { ...SMALL_OPTIONS, segmentBytesMax: 200_000 } });
    const sent: string[] = [];
    for (let at = 0; at < 30; at += 1) {
      const texts = Array.from({ length: 80 }, (_, index) => text(at * 80 + index));
      await log.append({ topic: 'a', ...lines(...texts) });
      sent.push(...texts);
    }
    await on.clock.advance(10);
    expect(filesIn(on, 'runs')).toHaveLength(1);
    const { incarnation } = log.topic('a')!; // made above
    for (const from of [0, 79, 80, 1_001, 1_500]) {
      const batches = await log.read('a', incarnation, from, 500);
      expect(batches[0]?.baseOffset).toBe(from);
      const expected = sent.slice(from, from + 4).map((line) => `${line}\n`);
      const read = batches.map(({ payload }) => Buffer.from(payload).toString()).join('');
      expect([expected.join('').startsWith(read), read.length >= 101]).toEqual([true, true]);
    }
    expect(await readMessages(log, 'a', 1_000)).toEqual(sent);
    await settled(on, log.close());
  });
});

describe('a data directory', () => {
  it('that lost journal and checkpoints is refused while it has runs', async () => {
    const on = machine();
    const log = await opened(on);
    await fill(on, log, 'a', 60);
    await settled(on, log.close());
    const disk = on.fileSystem.fork();
    for (const path of disk.files()) if (!path.includes('/runs/')) await disk.remove(path);
    await expect(opened(machine(disk))).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
  });

  it.each(['runs', 'checkpoints', 'journal'])('that lost its newest file of %s is refused', async (folder) => {
    const on = machine();
    const log = await opened(on);
    await fill(on, log, 'a', 60);
    await settled(on, log.close());
    const disk = on.fileSystem.fork();
    const names = filesIn(on, folder).filter((name) => name !== 'attested');
    for (const name of folder === 'checkpoints' ? names : names.slice(-1))
      await disk.remove(`${DIRECTORY}/${folder}/${name}`);
    await expect(opened(machine(disk))).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
  });

  it.each(['checkpoints', 'journal'])('of another release is refused by its %s, and stays as it is', async (folder) => {
    const on = machine();
    const log = await opened(on);
    await fill(on, log, 'a', folder === 'journal' ? 1 : 60);
    await settled(on, log.close());
    const disk = on.fileSystem.fork();
    const path = `${DIRECTORY}/${folder}/${filesIn(on, folder)[0] ?? ''}`;
    const bytes = Buffer.from(disk.bytesOf(path));
    bytes.write('1', 7, 'latin1');
    bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
    for (const name of filesIn(on, folder)) {
      if (name !== 'attested') disk.replaceBytes(`${DIRECTORY}/${folder}/${name}`, bytes);
    }
    await expect(opened(machine(disk))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`has the format ${folder === 'journal' ? '1' : 'PULSCKP1, version 1'}`),
    });
  });
});
