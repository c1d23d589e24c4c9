// How many bytes does the log keep, and write, for a byte of messages, with 10, 1,000 and 100,000 topics? Stored is what
// its runs take; written is all that went to the disk, with journal and checkpoints. TOPICS and COMMITS set the size.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeFileSystem } from '@pulses/shared-node-platform';
import type { FileHandle, FileSystem } from '@pulses/shared-ports';
import { inDirectory, isSmoke, LINE, open, print, sealed, sizeOf, Tenants } from './load';

const TOPICS = (process.env['TOPICS'] ?? (isSmoke ? '10,100' : '10,1000,100000')).split(',').map(Number);
const COMMITS = sizeOf('COMMITS', 30, 4);
const LINES = isSmoke ? 200 : 20_000;

/** Counts what is written. */
function counting(written: { bytes: number }): FileSystem {
  const counted = (bytes: number): number => {
    written.bytes += bytes;
    return bytes;
  };
  return {
    ...nodeFileSystem,
    open: async (path, mode): Promise<FileHandle> => {
      const handle = await nodeFileSystem.open(path, mode);
      return {
        ...handle,
        write: async (bytes, position) => counted(await handle.write(bytes, position)),
        writev: async (buffers, position) => counted(await handle.writev(buffers, position)),
      };
    },
  };
}

for (const topics of TOPICS) {
  await inDirectory(async (directory) => {
    const written = { bytes: 0 };
    const segmentBytesMax = isSmoke ? 65_536 : 64 * 1024 * 1024;
    const log = await open(directory, { fileSystem: counting(written), options: { segmentBytesMax } });
    const tenants = await Tenants.of(log, topics);
    await tenants.open(0, topics);
    // All of it is sealed but what the segment in use holds.
    const before = written.bytes;
    for (let commit = 0; commit < COMMITS; commit += 1) await tenants.commit(LINES);
    await sealed(log);
    const runs = join(directory, 'runs');
    let stored = 0;
    for (const name of await readdir(runs)) stored += (await stat(join(runs, name))).size;
    const payload = COMMITS * LINES * LINE.length;
    const inRuns = await payloadInRuns(runs);
    if (inRuns === 0) throw new Error('the result is wrong: nothing is sealed');
    await log.close();
    const ratio = (bytes: number, of: number): string => (bytes / of).toFixed(2);
    const result = { stored: ratio(stored, inRuns), written: ratio(written.bytes - before, payload) };
    print('bytes', { topics, mb: Math.round(payload / 1e6), ...result });
  });
}

/** Bytes of messages, as the headers of the runs say. */
async function payloadInRuns(runs: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(runs)) {
    const handle = await nodeFileSystem.open(join(runs, name), 'read');
    const header = Buffer.alloc(64);
    await handle.read(header, 0);
    await handle.close();
    bytes += header.readUInt32LE(52);
  }
  return bytes;
}
