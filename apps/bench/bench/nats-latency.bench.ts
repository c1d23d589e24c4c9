// At a constant rate on NATS, how long until an outside reader has the grouped line of a pulse?
//
// Latency counts from the time a batch was due at the producer, also when the generator was late. Windows of 5 s end
// meanwhile, and their sums share the server. The bench checks that every line arrives.

import { createPulsePool, createSamples, isSmoke, latencyOf, report, sized, skip } from '@pulses/testing-benches';
import { stopAll } from '@pulses/testing-processes';
import { NatsLink, startNatsSystem } from '@pulses/testing-system';
import { measureNatsLatency } from './nats-latency';

const TENANTS = sized(1_000, 20);
const SKUS = 50;
const RATE = sized(10_000, 1_000, 'BENCH_RATE');
const SECONDS = sized(30, 2, 'BENCH_SECONDS');
const WARM_UP_SECONDS = sized(5, 1);

async function measure() {
  const pool = createPulsePool({ tenants: TENANTS, skus: SKUS, batchCount: sized(50, 5), batchPulses: 1_000 });
  const system = await startNatsSystem({ mayBuild: !isSmoke, ingestorArgs: ['--log-level=warn'] });
  const { url } = system.server;
  try {
    await system.ingestor.waitForReady();
    const link = await NatsLink.open(url);
    await link.manager.streams.update('pulses-source', { allow_atomic: true });
    await link.close();
    const run = async (seconds: number) => {
      const samples = { whole: createSamples(), stored: createSamples() };
      await measureNatsLatency(url, pool, RATE, seconds, samples);
      return samples;
    };
    await run(WARM_UP_SECONDS);
    return await run(SECONDS);
  } finally {
    await stopAll();
    await system.stop();
  }
}

try {
  const { whole, stored } = await measure();
  report('nats-latency', { rate: RATE, tenants: TENANTS, skus: SKUS, seconds: SECONDS }, [
    {
      question: `NATS: pulse due → grouped line at an outside reader at ${RATE.toLocaleString('en-US')} pulses/s`,
      latency: latencyOf('pulse', whole),
      detail: `from the pulse stored to its line stored: p50 ${stored.at(0.5).toFixed(0)} ms, p99 ${stored.at(0.99).toFixed(0)} ms`,
      targets: [{ about: 'p99', atMost: 100 }],
      checked: 'every line arrived',
    },
  ]);
} catch (error) {
  if (!(error as Error).message.startsWith('there is no nats-server')) throw error;
  skip('nats-latency', (error as Error).message);
}
