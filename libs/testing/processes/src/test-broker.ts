// A broker as a process of its own, for tests of the client.

import { join } from 'node:path';
import { freePort, makeTempDirectory } from './places';
import { startApp, type RunningApp } from './running-app';

export interface TestBroker {
  readonly port: number;
  /** Ends it by SIGKILL and starts it again on the same data. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

/** @param flags further flags of the broker */
export async function startTestBroker(flags: readonly string[] = []): Promise<TestBroker> {
  const [port, httpPort] = [await freePort(), await freePort()];
  const directory = await makeTempDirectory();
  const start = async (): Promise<RunningApp> => {
    const args = [`--port=${port}`, `--http-port=${httpPort}`, `--data-dir=${join(directory.path, 'data')}`, ...flags];
    const app = startApp({ app: 'broker', args });
    await app.waitForReady();
    return app;
  };
  let app = await start();
  return {
    port,
    async crash() {
      app.signal('SIGKILL');
      await app.exited;
      app = await start();
    },
    async stop() {
      await app.stop();
      await directory.remove();
    },
  };
}
