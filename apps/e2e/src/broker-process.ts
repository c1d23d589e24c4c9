// A broker alone, on free ports and a data directory of its own.

import { freePort, makeTempDirectory, startApp, type RunningApp } from '@pulses/testing-processes';
import { join } from 'node:path';

export interface BrokerProcess {
  readonly app: RunningApp;
  readonly port: number;
  readonly httpPort: number;
  readonly dataDir: string;
  stop(): Promise<void>;
}

export async function startBrokerProcess(args: readonly string[] = []): Promise<BrokerProcess> {
  const [port, httpPort] = [await freePort(), await freePort()];
  const directory = await makeTempDirectory();
  const dataDir = join(directory.path, 'data');
  const app = startApp({
    app: 'broker',
    args: [`--port=${port}`, `--http-port=${httpPort}`, `--data-dir=${dataDir}`, ...args],
  });
  await app.waitForReady();
  return {
    app,
    port,
    httpPort,
    dataDir,
    async stop() {
      await app.stop();
      await directory.remove();
    },
  };
}
