// How fast is the ingestor on NATS, beside a bare client that publishes the same lines one by one with acknowledgements?
//
// The source is filled first. Then the bare client publishes as many grouped lines as the ingestor will, and the ingestor
// reads, groups, sums and commits. The bench checks that each pulse has one grouped line, and the exact sums.

import { jetstream } from '@nats-io/jetstream';
import { check, createPulsePool, isSmoke, report, sized, skip, until, type Measure } from '@pulses/testing-benches';
import { stopAll } from '@pulses/testing-processes';
import { exactUnits, NatsLink, numberText, startNatsSystem } from '@pulses/testing-system';
import { UNITS_A_MICRO } from './bench-system';

const BATCH_PULSES = 1_000;
const TENANTS = sized(1_000, 20);
/** What one machine's client has under way. */
const IN_FLIGHT = 2_000;
const AT_LEAST = 3;
/** Synced before each acknowledgement; then the server's default. */
const MODES = [
  { syncInterval: 'always', batches: sized(300, 5, 'BENCH_NATS_BATCHES'), bareLines: sized(20_000, 500) },
  { syncInterval: '2m', batches: sized(500, 5, 'BENCH_NATS_BATCHES'), bareLines: sized(100_000, 500) },
];

async function bareRate(link: NatsLink, lines: readonly string[], count: number): Promise<number> {
  await link.manager.streams.add({ name: 'bare', subjects: ['bare.*.grouped'] });
  const client = jetstream(link.connection);
  let next = 0;
  const publisher = async () => {
    for (let index = next; index < count; index = next) {
      next += 1;
      const line = lines[index % lines.length] ?? '';
      await client.publish(`bare.tenant-${index % TENANTS}.grouped`, line, { timeout: 120_000 });
    }
  };
  const startMs = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, publisher));
  const rate = (count * 1000) / (performance.now() - startMs);
  check((await link.manager.streams.info('bare')).state.messages, count, 'the count of bare messages');
  return rate;
}

async function measureMode({ syncInterval, batches, bareLines }: (typeof MODES)[number]): Promise<Measure> {
  const pool = createPulsePool({ tenants: TENANTS, skus: 50, batchCount: sized(50, 5), batchPulses: BATCH_PULSES });
  const system = await startNatsSystem({
    syncInterval,
    mayBuild: !isSmoke,
    ingestorArgs: ['--log-level=warn', '--flush-interval=1s'],
  });
  try {
    await system.ingestor.waitForReady();
    await system.ingestor.stop();
    const link = await NatsLink.open(system.server.url);
    await link.manager.streams.update('pulses-source', { allow_atomic: true });
    const linesOf = (batch: number) => pool.at(batch).payload.toString('latin1').split('\n').slice(0, -1);
    for (let batch = 0; batch < batches; batch += 1) await link.publish(linesOf(batch));
    const pulses = batches * BATCH_PULSES;

    const startMs = performance.now();
    await system.restartIngestor('SIGKILL');
    await until(async () => (await link.position('grouped')) > 1);
    const firstMs = performance.now();
    const firstPulses = await link.position('grouped');
    await until(async () => (await link.position('grouped')) > pulses);
    const endMs = performance.now();
    const rate = ((pulses + 1 - firstPulses) * 1000) / (endMs - firstMs);
    const whole = (pulses * 1000) / (endMs - startMs);

    const grouped = (await link.outputs('grouped.pulses')).flatMap(({ lines }) => lines);
    check(grouped.length, pulses, 'the count of grouped lines');
    const offsets = new Set(grouped.map((line) => numberText(line, 'source_offset')));
    check(offsets.size, pulses, 'the count of different source offsets');
    const units = grouped.reduce((sum, line) => sum + exactUnits(numberText(line, 'used_amount')), 0n);
    check(units, pool.microsOfFirst(batches) * UNITS_A_MICRO, 'the sum of grouped lines, in 10^-30,');
    const bare = await bareRate(link, grouped.slice(0, 10_000), bareLines);
    await link.close();
    return {
      question: `source → grouped on NATS, sync ${syncInterval}`,
      rate,
      detail: `from the start of the process ${Math.round(whole)} pulses/s`,
      targets: [{ about: 'ratio', atLeast: AT_LEAST }],
      baseline: { name: 'a bare client, a message a line', value: bare, unit: 'lines/s', ratio: rate / bare },
      checked: 'each pulse in one grouped line; sums exact',
    };
  } finally {
    await stopAll();
    await system.stop();
  }
}

try {
  const measures: Measure[] = [];
  for (const mode of MODES) measures.push(await measureMode(mode));
  const pulses = MODES.map(({ batches, syncInterval }) => `${batches * BATCH_PULSES} with sync ${syncInterval}`);
  report('nats-ingest', { pulses: pulses.join(', '), tenants: TENANTS }, measures);
} catch (error) {
  if (!(error as Error).message.startsWith('there is no nats-server')) throw error;
  skip('nats-ingest', (error as Error).message);
}
