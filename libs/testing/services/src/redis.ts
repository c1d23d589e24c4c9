// A real Redis for tests: the one that REDIS_URL names, else a server of the suite's own.
//
// A server of its own runs from the PATH, else unpacked from the distribution's packages, else in a container when an
// engine answers. It has a port of loopback and a temporary directory to itself.
//
// Guarantees: no server outlives its test process, however that ends: a watcher holds the read end of a pipe whose other
// end is the test process, and kills the server by its id when the pipe closes.

import { makeTempDirectory, freePort, type TempDirectory } from '@pulses/testing-processes';
import { randomBytes } from 'node:crypto';
import { containerLauncher, programLauncher, type RedisLauncher } from './redis-launcher';
import type { ServerProcess } from './server-process';

export interface RedisOptions {
  /** More arguments of redis-server. */
  readonly args?: readonly string[];
  /** True: never the one of REDIS_URL. For suites that kill, flush or change the server. */
  readonly own?: boolean;
}

export interface RedisServer {
  /** `redis://127.0.0.1:<port>`, or what REDIS_URL says. */
  readonly url: string;
  readonly port: number;
  /** Of the suite's own, since others may use the same server. */
  readonly keyPrefix: string;
  /** Where a server of its own keeps its files; empty for the one of REDIS_URL. */
  readonly directory: string;
  /** Ends it by SIGKILL, and waits for that; files stay. */
  kill(): Promise<void>;
  /** Starts it again on the same port and files, killing it first if it runs; `args` take the place of those before. */
  restart(args?: readonly string[]): Promise<void>;
  /** Ends it and removes its files. */
  stop(): Promise<void>;
}

/** Brings up a Redis. @throws Error that says how to get one */
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
    Promise.reject(new TypeError("the Redis of REDIS_URL is not the suite's to stop; ask for one of its own"));
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
