// A real Redis for tests: the one of REDIS_URL, else a server of the suite's own.
//
// The own server comes from the PATH, else from the distribution's packages, else from a container if an engine answers.
// It has its own loopback port and temporary directory.
//
// Guarantees: no server outlives its test process, even one that is killed. A watcher reads a pipe from the test process
// and kills the server by its id when the pipe closes.

import { makeTempDirectory, freePort, type TempDirectory } from '@pulses/testing-processes';
import { randomBytes } from 'node:crypto';
import { containerLauncher, programLauncher, type RedisLauncher } from './redis-launcher';
import type { ServerProcess } from './server-process';

export interface RedisOptions {
  /** Additional arguments of redis-server. */
  readonly args?: readonly string[];
  /** Never uses REDIS_URL. For suites that kill, flush or reconfigure the server. */
  readonly own?: boolean;
}

export interface RedisServer {
  /** `redis://127.0.0.1:<port>`, or the value of REDIS_URL. */
  readonly url: string;
  readonly port: number;
  /** Unique to the suite, since others may use the same server. */
  readonly keyPrefix: string;
  /** Directory of an own server's files; empty for the one of REDIS_URL. */
  readonly directory: string;
  /** Kills the server by SIGKILL and waits for its end. Its files stay. */
  kill(): Promise<void>;
  /** Restarts the server on the same port and files, after a kill if it runs. `args` replace the previous ones. */
  restart(args?: readonly string[]): Promise<void>;
  /** Ends the server and removes its files. */
  stop(): Promise<void>;
}

/** Starts or finds a Redis. @throws Error with instructions to get one */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const url = process.env['REDIS_URL'];
  if (url !== undefined && url !== '' && options.own !== true) return sharedRedis(url);
  const launch = await findLauncher();
  const directory = await makeTempDirectory();
  try {
    return await ownRedis(launch, directory, options.args ?? []);
  } catch (error) {
    await directory.remove();
    throw error;
  }
}

async function ownRedis(
  launch: RedisLauncher,
  directory: TempDirectory,
  firstArgs: readonly string[],
): Promise<RedisServer> {
  let args = firstArgs;
  const port = await freePort();
  const start = () => launch({ port, directory: directory.path, args });
  let server: ServerProcess | undefined = await start();
  const kill = async () => {
    await server?.kill();
    server = undefined;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    keyPrefix: freshPrefix(),
    directory: directory.path,
    kill,
    async restart(given = args) {
      await kill();
      args = given;
      server = await start();
    },
    async stop() {
      await kill();
      await directory.remove();
    },
  };
}

function sharedRedis(url: string): RedisServer {
  const refuse = () =>
    Promise.reject(new TypeError('the suite cannot stop the Redis of REDIS_URL; ask for a server of its own'));
  return {
    url,
    port: Number(new URL(url).port || 6379),
    keyPrefix: freshPrefix(),
    directory: '',
    kill: refuse,
    restart: refuse,
    stop: () => Promise.resolve(),
  };
}

const freshPrefix = () => `test-${randomBytes(6).toString('hex')}`;

async function findLauncher(): Promise<RedisLauncher> {
  try {
    return await programLauncher();
  } catch (error) {
    const container = await containerLauncher();
    if (container !== undefined) return container;
    throw error;
  }
}
