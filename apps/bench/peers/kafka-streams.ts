// The peer application on Kafka Streams as a process.

import { makeTempDirectory, workspaceRoot } from '@pulses/testing-processes';
import { startJavaProgram } from '@pulses/testing-services';
import { join } from 'node:path';

const HEAP_MIB = 1024;

export interface KafkaPlaces {
  readonly brokers: string;
  readonly source: string;
  readonly grouped: string;
  readonly sums: string;
}

/** Resolves once it reads its partitions. Resolves to what ends it and removes its files. */
export async function startKafkaStreams({ brokers, source, grouped, sums }: KafkaPlaces): Promise<() => Promise<void>> {
  const state = await makeTempDirectory();
  try {
    const peer = await startJavaProgram({
      directory: join(workspaceRoot(), 'apps/bench/kafka-streams'),
      source: 'GroupedPulses.java',
      javaArgs: [`-Xmx${HEAP_MIB}m`],
      args: [brokers, source, grouped, sums, `streams-${source}`, state.path],
      ready: /^RUNNING$/m,
    });
    return async () => {
      await peer.kill();
      await state.remove();
    };
  } catch (error) {
    await state.remove();
    throw error;
  }
}
