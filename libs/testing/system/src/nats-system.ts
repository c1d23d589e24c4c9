// A NATS server and an ingestor as processes, on free ports and a directory of their own.

import { freePort, startApp, type RunningApp } from '@pulses/testing-processes';
import { startNats, type NatsOptions, type NatsServer } from '@pulses/testing-services';

export interface NatsSystem {
  readonly server: NatsServer;
  readonly ingestorHttpPort: number;
  readonly ingestor: RunningApp;
  /** Kills the ingestor and starts it again; resolves without waiting until it is ready. */
  restartIngestor(signal: NodeJS.Signals): Promise<void>;
  stop(): Promise<void>;
}

/** The ingestor's own flags follow `ingestorArgs`. */
export async function startNatsSystem(
  options: NatsOptions & { readonly ingestorArgs?: readonly string[] } = {},
): Promise<NatsSystem> {
  const [server, ingestorHttpPort] = [await startNats(options), await freePort()];
  const start = () =>
    startApp({
      app: 'ingestor',
      args: [
        '--connector=nats',
        `--nats-url=${server.url}`,
        `--http-port=${ingestorHttpPort}`,
        ...(options.ingestorArgs ?? []),
      ],
    });
  let ingestor = start();
  return {
    server,
    ingestorHttpPort,
    get ingestor() {
      return ingestor;
    },
    async restartIngestor(signal) {
      ingestor.signal(signal);
      await ingestor.exited;
      ingestor = start();
    },
    async stop() {
      await ingestor.stop();
      await server.stop();
    },
  };
}
