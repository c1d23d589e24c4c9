// A real NATS server with JetStream for tests and benches: from the PATH, else built by the Go toolchain if present.

import { freePort, makeTempDirectory } from '@pulses/testing-processes';
import { execFile, spawn } from 'node:child_process';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDirectory, onPath } from './program';
import { startedServer, type ServerProcess } from './server-process';

const run = promisify(execFile);
const PROGRAM = 'nats-server';
const MODULE = 'github.com/nats-io/nats-server/v2@v2.15.2';
const BUILD_MS_MAX = 900_000;

export interface NatsServer {
  /** `nats://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  /** Its configuration and its files. */
  readonly directory: string;
  /** Kills the server by SIGKILL and waits for its end. Its files stay. */
  kill(): Promise<void>;
  /** Starts the server again on the same port and files, after a kill if it runs. `lines` replace the additional ones. */
  restart(lines?: readonly string[]): Promise<void>;
  /** Ends the server and removes its files. */
  stop(): Promise<void>;
}

export interface NatsOptions {
  /** `always` syncs before each acknowledgement; otherwise an interval such as `2m`. */
  readonly syncInterval?: string;
  /** Whether a missing program may be built, which takes minutes and the network. */
  readonly mayBuild?: boolean;
  /** Further lines of the configuration. `DIRECTORY` stands for the server's directory. */
  readonly lines?: readonly string[];
  /** Members of `jetstream { … }`. */
  readonly jetstream?: readonly string[];
}

/** Starts a server that keeps its streams on disk. @throws Error with the reason why no server is available */
export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  const { syncInterval = '2m', mayBuild = true, jetstream = [] } = options;
  const path = await provideNats(mayBuild);
  const [port, directory] = [await freePort(), await makeTempDirectory()];
  let { lines = [] } = options;
  const start = async () => {
    const configuration = join(directory.path, 'nats.conf');
    const store = JSON.stringify(join(directory.path, 'store'));
    const text = [
      'host: "127.0.0.1"',
      `port: ${port}`,
      `jetstream { store_dir: ${store}, sync_interval: "${syncInterval}" ${jetstream.map((line) => `, ${line}`).join('')} }`,
      ...lines,
    ].join('\n');
    await writeFile(configuration, `${text.replaceAll('DIRECTORY', directory.path)}\n`);
    const child = spawn(path, ['--config', configuration], { stdio: ['ignore', 'pipe', 'pipe'] });
    return await startedServer(PROGRAM, /Server is ready/, child, (pid) => ['kill', '-9', String(pid)]);
  };
  let server: ServerProcess | undefined;
  const kill = async () => {
    await server?.kill();
    server = undefined;
  };
  try {
    server = await start();
  } catch (error) {
    await directory.remove();
    throw error;
  }
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    directory: directory.path,
    kill,
    async restart(given = lines) {
      await kill();
      lines = given;
      server = await start();
    },
    async stop() {
      await kill();
      await directory.remove();
    },
  };
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
