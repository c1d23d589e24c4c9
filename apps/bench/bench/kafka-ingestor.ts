// The ingestor on Kafka as a process, for benches.

import { freePort, startApp } from '@pulses/testing-processes';
import type { KafkaPlaces } from '../peers/kafka-streams';

export interface KafkaIngestor {
  readonly pid: number;
  stop(): Promise<void>;
}

/** Resolves once it is ready, or stands by. */
export async function startKafkaIngestor({ brokers, source, grouped, sums }: KafkaPlaces): Promise<KafkaIngestor> {
  const app = startApp({
    app: 'ingestor',
    args: [
      '--connector=kafka',
      `--kafka-brokers=${brokers}`,
      '--kafka-create-topics',
      `--source-topic=${source}`,
      `--group=${grouped}`,
      `--kafka-grouped-topic=${grouped}`,
      `--kafka-aggregated-topic=${sums}`,
      `--http-port=${await freePort()}`,
      '--log-level=warn',
    ],
  });
  await app.waitForReady();
  return {
    pid: app.pid,
    async stop() {
      await app.stop();
    },
  };
}
