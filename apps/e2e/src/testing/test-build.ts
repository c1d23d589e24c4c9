// A broker and an ingestor of the test build, each of which can be told where to kill itself.

import type { Failpoint } from '@pulses/shared-failpoints';
import { freePort, makeTempDirectory, startApp, workspaceRoot, type RunningApp } from '@pulses/testing-processes';
import { join } from 'node:path';

export type Part = 'broker' | 'ingestor';

export interface TestBuildSystem {
  readonly port: number;
  readonly apps: Readonly<Record<Part, RunningApp>>;
  /** Starts a part that has ended; resolves once it is ready or has ended again. */
  start(part: Part, failpoint?: { readonly name: Failpoint; readonly hit: number }): Promise<void>;
  stop(): Promise<void>;
}

/** Path of an app's test build. */
export const testBuildPath = (app: Part): string => join(workspaceRoot(), 'dist/test-apps', app, 'main.js');

export async function startTestBuild(args: Readonly<Record<Part, readonly string[]>>): Promise<TestBuildSystem> {
  const [port, brokerHttp, ingestorHttp] = [await freePort(), await freePort(), await freePort()];
  const directory = await makeTempDirectory();
  const flags = {
    broker: [`--http-port=${brokerHttp}`, `--data-dir=${join(directory.path, 'data')}`, ...args.broker],
    ingestor: [`--http-port=${ingestorHttp}`, ...args.ingestor],
  };
  const launch = (part: Part, env: Record<string, string> = {}) =>
    startApp({
      app: part,
      mainPath: testBuildPath(part),
      args: [`--port=${port}`, '--log-level=warn', ...flags[part]],
      env,
    });
  const apps = { broker: launch('broker'), ingestor: launch('ingestor') };
  await apps.broker.waitForReady();
  await apps.ingestor.waitForReady();
  return {
    port,
    apps,
    async start(part, failpoint) {
      await apps[part].exited;
      const app = launch(
        part,
        failpoint === undefined ? {} : { PULSES_FAILPOINT: `${failpoint.name}:${failpoint.hit}` },
      );
      apps[part] = app;
      await Promise.race([app.exited, app.waitForReady().catch(() => app.exited)]);
    },
    async stop() {
      await apps.ingestor.stop();
      await apps.broker.stop();
      await directory.remove();
    },
  };
}
