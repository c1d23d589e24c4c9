// A real NATS server with JetStream, for comparison: from the PATH, else built by the Go toolchain if present.

import { freePort, makeTempDirectory } from '@pulses/testing-processes';
import { execFile, spawn } from 'node:child_process';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDirectory, onPath } from './program';
import { startedServer } from './server-process';

const run = promisify(execFile);
const PROGRAM = 'nats-server';
const MODULE = 'github.com/nats-io/nats-server/v2@v2.15.2';
const BUILD_MS_MAX = 900_000;

export interface NatsServer {
  readonly port: number;
  /** Ends the server and removes its files. */
  stop(): Promise<void>;
}

/**
 * Starts a server that keeps its streams on disk.
 * @param syncInterval `always` syncs before each acknowledgement; otherwise an interval such as `2m`
 * @param mayBuild whether a missing program may be built, which takes minutes and the network
 * @throws Error with the reason why no server is available
 */
export async function startNats({
  syncInterval,
  mayBuild,
}: {
  syncInterval: string;
  mayBuild: boolean;
}): Promise<NatsServer> {
  const path = await provideNats(mayBuild);
  const [port, directory] = [await freePort(), await makeTempDirectory()];
  try {
    const configuration = join(directory.path, 'nats.conf');
    const store = JSON.stringify(join(directory.path, 'store'));
    await writeFile(
      configuration,
      `host: "127.0.0.1"\nport: ${port}\njetstream { store_dir: ${store}, sync_interval: ${syncInterval} }\n`,
    );
    const child = spawn(path, ['--config', configuration], { stdio: ['ignore', 'pipe', 'pipe'] });
    const server = await startedServer(PROGRAM, /Server is ready/, child, (pid) => ['kill', '-9', String(pid)]);
    return {
      port,
      async stop() {
        await server.kill();
        await directory.remove();
      },
    };
  } catch (error) {
    await directory.remove();
    throw error;
  }
}

async function provideNats(mayBuild: boolean): Promise<string> {
  const installed = await onPath(PROGRAM);
  if (installed !== undefined) return installed;
  const directory = join(cacheDirectory(), PROGRAM);
  const built = join(directory, PROGRAM);
  if (
    await access(built).then(
      () => true,
      () => false,
    )
  )
    return built;
  if (!mayBuild) throw new Error(`there is no ${PROGRAM} on the PATH`);
  if ((await onPath('go')) === undefined)
    throw new Error(`there is no ${PROGRAM} on the PATH, and no Go to build it with`);
  await mkdir(directory, { recursive: true });
  const work = await makeTempDirectory();
  try {
    const env = {
      ...process.env,
      GOBIN: directory,
      GOPATH: join(work.path, 'path'),
      GOCACHE: join(work.path, 'cache'),
      GOFLAGS: '-modcacherw',
    };
    await run('go', ['install', MODULE], { cwd: work.path, env, timeout: BUILD_MS_MAX });
  } catch (error) {
    throw new Error(
      `there is no ${PROGRAM} on the PATH, and building it failed (${(error as Error).message.split('\n')[0] ?? ''})`,
      {
        cause: error,
      },
    );
  } finally {
    await work.remove();
  }
  return built;
}
