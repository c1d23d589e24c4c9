// A broker and an ingestor as processes, on free ports and a data directory of their own.

import { startApp, freePort, makeTempDirectory, type RunningApp } from '@pulses/testing-processes';
import { join } from 'node:path';

export interface System {
  readonly port: number;
  readonly brokerHttpPort: number;
  readonly ingestorHttpPort: number;
  readonly dataDir: string;
  readonly broker: RunningApp;
  readonly ingestor: RunningApp;
  /** Kills a part and starts it again on the same ports and data. */
  restart(part: 'broker' | 'ingestor', signal: NodeJS.Signals): Promise<void>;
  stop(): Promise<void>;
}

export interface SystemOptions {
  readonly brokerArgs?: readonly string[];
  readonly ingestorArgs?: readonly string[];
}

export async function startSystem(options: SystemOptions = {}): Promise<System> {
  const [port, brokerHttp, ingestorHttp] = [await freePort(), await freePort(), await freePort()];
  const directory = await makeTempDirectory();
  const dataDir = join(directory.path, 'data');
  const start = {
    broker: () =>
      startApp({
        app: 'broker',
        args: [`--port=${port}`, `--http-port=${brokerHttp}`, `--data-dir=${dataDir}`, ...(options.brokerArgs ?? [])],
      }),
    ingestor: () =>
      startApp({
        app: 'ingestor',
        args: [`--port=${port}`, `--http-port=${ingestorHttp}`, ...(options.ingestorArgs ?? [])],
      }),
  };
  const running = { broker: start.broker(), ingestor: start.ingestor() };
  try {
    await running.broker.waitForReady();
    await running.ingestor.waitForReady();
  } catch (error) {
    await Promise.all([running.ingestor.stop(), running.broker.stop()]);
    await directory.remove();
    throw error;
  }
  return {
    port,
    brokerHttpPort: brokerHttp,
    ingestorHttpPort: ingestorHttp,
    dataDir,
    get broker() {
      return running.broker;
    },
    get ingestor() {
      return running.ingestor;
    },
    async restart(part, signal) {
      running[part].signal(signal);
      await running[part].exited;
      running[part] = start[part]();
      await running[part].waitForReady();
    },
    async stop() {
      await running.ingestor.stop();
      await running.broker.stop();
      await directory.remove();
    },
  };
}
