// A real NATS server with JetStream for tests and benches: the one of NATS_URL, else a server of the suite's own.

import { freePort, makeTempDirectory } from '@pulses/testing-processes';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findNatsLauncher } from './nats-launcher';
import type { ServerProcess } from './server-process';

const PORT_DEFAULT = 4222;

export interface NatsServer {
  /** `nats://127.0.0.1:<port>`, or the value of NATS_URL. */
  readonly url: string;
  readonly port: number;
  /** Its configuration and its files; empty for the one of NATS_URL. */
  readonly directory: string;
  /** Kills the server by SIGKILL and waits for its end. Its files stay. */
  kill(): Promise<void>;
  /** Starts the server again on the same port and files, after a kill if it runs. What is given replaces the former. */
  restart(lines?: readonly string[], jetstream?: readonly string[]): Promise<void>;
  /** Ends the server and removes its files. */
  stop(): Promise<void>;
}

export interface NatsOptions {
  /** Never uses NATS_URL; nor does a suite that gives another option. For suites that kill or empty the server. */
  readonly own?: boolean;
  /** `always` syncs before each acknowledgement; otherwise an interval such as `2m`. */
  readonly syncInterval?: string;
  /** Whether a missing program may be built, which takes minutes and the network. */
  readonly mayBuild?: boolean;
  /** Further lines of the configuration. `DIRECTORY` stands for the server's directory. */
  readonly lines?: readonly string[];
  /** Members of `jetstream { … }`. */
  readonly jetstream?: readonly string[];
  /** Holds the streams, in place of a directory of the server's own; not removed. */
  readonly storeDirectory?: string;
}

/** Starts a server that keeps its streams on disk, or finds one. @throws Error with the reason why none is available */
export async function startNats(options?: NatsOptions): Promise<NatsServer> {
  const url = process.env['NATS_URL'];
  if (url !== undefined && url !== '' && options === undefined) return foreignNats(url);
  return await ownNats(options ?? {});
}

async function ownNats(options: NatsOptions): Promise<NatsServer> {
  const { syncInterval = '2m', mayBuild = true, storeDirectory } = options;
  const launch = await findNatsLauncher(mayBuild);
  const [port, directory] = [await freePort(), await makeTempDirectory()];
  let { lines = [], jetstream = [] } = options;
  const start = async () => {
    const configuration = join(directory.path, 'nats.conf');
    const store = JSON.stringify(storeDirectory ?? join(directory.path, 'store'));
    const text = [
      'host: "127.0.0.1"',
      `port: ${port}`,
      `jetstream { store_dir: ${store}, sync_interval: "${syncInterval}" ${jetstream.map((line) => `, ${line}`).join('')} }`,
      ...lines,
    ].join('\n');
    await writeFile(configuration, `${text.replaceAll('DIRECTORY', directory.path)}\n`);
    return await launch(directory.path, configuration);
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
    async restart(...given) {
      await kill();
      [lines = lines, jetstream = jetstream] = given;
      server = await start();
    },
    async stop() {
      await kill();
      await directory.remove();
    },
  };
}

function foreignNats(url: string): NatsServer {
  const refuse = () =>
    Promise.reject(new TypeError('the suite cannot stop the NATS of NATS_URL; ask for a server of its own'));
  return {
    url,
    port: Number(new URL(url).port || PORT_DEFAULT),
    directory: '',
    kill: refuse,
    restart: refuse,
    stop: () => Promise.resolve(),
  };
}
