// Free ports and temporary directories for processes under test.

import { readdirSync, truncateSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Below the ephemeral ports. An outgoing connection could take one of these before the server listens on it. Even a
 * client that looks for its server could, and so connect to itself.
 */
const [FIRST_PORT, PORTS] = [10_000, 20_000];
let nextPort = Math.floor(Math.random() * PORTS);

/** A port of loopback that was just free; consecutive calls return different ones. */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < PORTS; tried += 1) {
    const port = FIRST_PORT + (nextPort % PORTS);
    nextPort += 1;
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port from ${FIRST_PORT} on`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(port, '127.0.0.1', () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

export interface TempDirectory {
  readonly path: string;
  /** @see makeTempDirectory */
  remove(): Promise<void>;
}

/**
 * With `TEMP_DIRECTORIES_STAY=1` in the environment `remove` truncates the files but leaves them to the caller, since
 * ext4 creates files slowly for minutes after many removals.
 */
export async function makeTempDirectory(): Promise<TempDirectory> {
  const path = await mkdtemp(join(tmpdir(), 'pulses-'));
  return {
    path,
    async remove() {
      if (process.env['TEMP_DIRECTORIES_STAY'] === '1') emptyFiles(path);
      else await rm(path, { recursive: true, force: true });
    },
  };
}

function emptyFiles(directory: string): void {
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) truncateSync(join(entry.parentPath, entry.name));
  }
}
