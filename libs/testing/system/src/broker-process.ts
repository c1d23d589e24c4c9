// A broker alone, on free ports and a data directory of its own.

import { freePort, makeTempDirectory, startApp, type RunningApp } from '@pulses/testing-processes';
import { join } from 'node:path';

export interface BrokerProcess {
  readonly app: RunningApp;
  readonly port: number;
  readonly httpPort: number;
  readonly dataDir: string;
  /** Ends it by the signal and starts it again on the same ports and data, with the same arguments or others. */
  restart(signal: NodeJS.Signals, args?: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

export async function startBrokerProcess(args: readonly string[] = []): Promise<BrokerProcess> {
  const [port, httpPort] = [await freePort(), await freePort()];
  const directory = await makeTempDirectory();
  const dataDir = join(directory.path, 'data');
  const start = async (own: readonly string[]): Promise<RunningApp> => {
    const started = startApp({
      app: 'broker',
      args: [`--port=${port}`, `--http-port=${httpPort}`, `--data-dir=${dataDir}`, ...own],
    });
    await started.waitForReady();
    return started;
  };
  let app = await start(args);
  return {
    get app() {
      return app;
    },
    port,
    httpPort,
    dataDir,
    async restart(signal, others = args) {
      app.signal(signal);
      await app.exited;
      app = await start(others);
    },
    async stop() {
      await app.stop();
      await directory.remove();
    },
  };
}
