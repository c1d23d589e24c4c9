import { describe, expect, it } from '@jest/globals';
import { createSimFileSystem, createSimRandom, type SimFileSystem } from '@pulses/testing-sim';
import type { FileSystem } from '@pulses/shared-ports';
import type { BrokerLog } from '@pulses/broker-log-api';
import { FRAME_HEADER_BYTES, FRAME_MAGIC } from './frame';
import type { BrokerLogOptions } from './options';
import { publish, readMessages } from './testing/log-fixture';
import { damaged, segmentsOf } from './testing/torture-damage';
import { DIRECTORY, machineOn, openOn, settled, type Machine } from './testing/torture-run';

const ROOMY: Partial<BrokerLogOptions> = {
  segmentBytesMax: 100_000,
  checkpointBytes: 100_000,
  unwrittenBytesMax: 100_000,
  materialiseDelayMs: 300,
};

function machine(disk: SimFileSystem = createSimFileSystem({ seed: 1 })): Machine {
  return machineOn(disk, createSimRandom(1));
}

async function opened(
  on: Machine,
  options: Partial<BrokerLogOptions> = ROOMY,
  fileSystem: FileSystem = on.fileSystem,
): Promise<BrokerLog> {
  const log = await openOn(on, { options, fileSystem });
  if (log === undefined) throw new Error('the power is on');
  return log;
}

describe('a failed fdatasync', () => {
  it('is not tried again when the log closes, and what it should have stored is not attested', async () => {
    const on = machine();
    const log = await opened(on);
    await publish(log, 'a', ['kept']);
    on.fileSystem.setFault({ call: on.fileSystem.trace.length + 1, kind: 'EIO', isForEver: true, only: ['datasync'] });
    await expect(publish(log, 'a', ['lost'])).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    on.fileSystem.setFault(undefined);
    await settled(on, log.close());
    for (let seed = 1; seed <= 20; seed += 1) {
      const after = machine(on.fileSystem.afterPowerCut(seed));
      const again = await opened(after);
      expect(await readMessages(again, 'a')).toEqual(['kept']);
      await settled(after, again.close());
    }
  });
});

describe('a want of descriptors', () => {
  it('while a journal segment is begun leaves the one before in use', async () => {
    const on = machine();
    const log = await opened(on, { ...ROOMY, segmentBytesMax: 100 });
    await publish(log, 'a', ['1']);
    on.fileSystem.setFault({
      call: on.fileSystem.trace.length + 1,
      kind: 'EMFILE',
      isForEver: true,
      only: ['syncDirectory'],
    });
    await publish(log, 'a', ['2']);
    await publish(log, 'a', ['3']);
    on.fileSystem.setFault(undefined);
    await publish(log, 'a', ['4']);
    for (let seed = 1; seed <= 20; seed += 1) {
      expect(await readMessages(await opened(machine(on.fileSystem.afterPowerCut(seed))), 'a')).toEqual([
        '1',
        '2',
        '3',
        '4',
      ]);
    }
  });
});

describe('a full disk', () => {
  it('does not keep a log from closing while a checkpoint waits for room', async () => {
    const on = machine();
    const writing: BrokerLog[] = [];
    let isFull = false;
    const full: FileSystem = {
      ...on.fileSystem,
      open: async (path, mode) => {
        if (isFull && path.includes('/topics/')) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
        // While the first pass over the files is under way: the checkpoint after it finds this message still to be written.
        if (path.endsWith('.ndjson') && mode === 'create')
          await Promise.race([...writing.map((log) => publish(log, 'b', ['1'])), Promise.resolve()]);
        return await on.fileSystem.open(path, mode);
      },
    };
    const infos: string[] = [];
    const log = await opened(on, { ...ROOMY, checkpointBytes: 1 }, full);
    writing.push(log);
    await publish(log, 'a', ['1']);
    const stop = log.onChange('b', () => {
      isFull = true;
      infos.push('b');
    });
    await on.clock.advance(400);
    expect(infos).toEqual(['b']);
    stop();
    await settled(on, log.close());
    isFull = false;
    expect(await readMessages(await opened(machine(on.fileSystem.fork())), 'b')).toEqual(['1']);
  });
});

describe('damage', () => {
  it('that swaps the last two frames of a killed log is reported', async () => {
    const on = machine();
    const log = await opened(on);
    for (const message of ['1', '2', '3']) await publish(log, 'a', [message]);
    const path = segmentsOf(on.fileSystem)[0]!; // messages were stored
    const swapped = damaged(on.fileSystem, path, (bytes) => {
      const magic = Buffer.alloc(4);
      magic.writeUInt32LE(FRAME_MAGIC);
      const buffer = Buffer.from(bytes);
      const third = buffer.lastIndexOf(magic);
      const second = buffer.lastIndexOf(magic, third - FRAME_HEADER_BYTES);
      return Buffer.concat([bytes.subarray(0, second), bytes.subarray(third), bytes.subarray(second, third)]);
    });
    await expect(openOn(machine(swapped))).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
  });

  it('that removes the file of a topic is told by the file that is missing, before anything is written to it', async () => {
    const on = machine();
    const log = await opened(on, { ...ROOMY, checkpointBytes: 1 });
    await publish(log, 'a', ['1']);
    await on.clock.advance(400);
    await settled(on, log.close());
    const disk = on.fileSystem.fork();
    const path = disk.files().find((name) => name.startsWith(`${DIRECTORY}/topics/a/`) && name.endsWith('.ndjson'))!; // materialised
    await disk.remove(path);
    const after = machine(disk);
    const again = await opened(after);
    await publish(again, 'a', ['2']);
    expect(await settled(after, again.failed)).toMatchObject({
      code: 'JOURNAL_CORRUPT',
      message: expect.stringContaining(path),
    });
    await settled(after, again.close());
  });

  it('that the disk reports while a file is read reaches the reader with a code', async () => {
    const on = machine();
    const log = await opened(on, { ...ROOMY, tailBytesMax: 0 });
    await publish(log, 'a', ['1']);
    await on.clock.advance(400);
    on.fileSystem.setFault({ call: on.fileSystem.trace.length + 1, kind: 'EIO', isForEver: true, only: ['read'] });
    await expect(readMessages(log, 'a')).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    on.fileSystem.setFault(undefined);
    expect(await readMessages(log, 'a')).toEqual(['1']);
    await settled(on, log.close());
  });
});
