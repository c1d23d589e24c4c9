// At 50,000 pulses a second, how long until a pulse is acknowledged, and until a reader sees its grouped line?
//
// Latency counts from the time a batch was due, also when the generator was late: see sendPaced. The bench checks that
// every pulse is in one window sum and that the sums are exact. The reader must see each line once, in order.

import {
  check,
  createPulsePool,
  createSamples,
  echoRoundTrips,
  isSmoke,
  latencyOf,
  report,
  sendPaced,
  sized,
  syncedWrites,
  until,
} from '@pulses/testing-benches';
import { makeTempDirectory } from '@pulses/testing-processes';
import { CHECKED, SOURCE_TOPIC, UNITS_A_MICRO, withBenchSystem } from './bench-system';
import { BrokerLink } from './broker-link';

const RATE = sized(50_000, 5_000, 'BENCH_RATE');
const TENANTS = sized(1_000, 20);
const SKUS = 50;
const SECONDS = sized(20, 1, 'BENCH_SECONDS');
const WARM_UP_SECONDS = sized(5, 1);
const INTERVAL_MS = 1;
/** At most the streams of one connection. */
const READ_TENANTS = Math.min(TENANTS, 200);
const BATCH_PULSES = (RATE * INTERVAL_MS) / 1000;
const BATCHES = (SECONDS * 1000) / INTERVAL_MS;
const WARM_UP_BATCHES = (WARM_UP_SECONDS * 1000) / INTERVAL_MS;
const BASELINE_ROUNDS = sized(2_000, 50);

const pool = createPulsePool({
  tenants: TENANTS,
  skus: SKUS,
  batchCount: sized(2_000, 100),
  batchPulses: BATCH_PULSES,
});
/** Every tenant once: all topics exist before they are read. */
const first = createPulsePool({ tenants: TENANTS, skus: 1, batchCount: 1, batchPulses: TENANTS, isDense: true });
const directory = await makeTempDirectory();

await withBenchSystem([`--flush-interval=${isSmoke ? '1s' : '5s'}`], async (bench) => {
  const [producer, reader] = [await BrokerLink.open(bench.system.port), await BrokerLink.open(bench.system.port)];
  await producer.produce(SOURCE_TOPIC, first.at(0).payload, TENANTS);
  await bench.untilGrouped(TENANTS);

  const dueTimes = new Float64Array(WARM_UP_BATCHES + BATCHES);
  const [acknowledged, visible, late] = [createSamples(), createSamples(), createSamples()];
  let [readLines, disordered] = [0, 0];
  for (let tenant = 1; tenant <= READ_TENANTS; tenant += 1) {
    let lastOffset = -1;
    reader.read(`tenants.tenant-${tenant}.grouped.pulses`, ({ payload }) => {
      const seenMs = performance.now();
      for (const offset of sourceOffsets(payload)) {
        if (offset <= lastOffset) disordered += 1;
        lastOffset = offset;
        readLines += 1;
        const batch = Math.floor((offset - TENANTS) / BATCH_PULSES);
        if (batch >= WARM_UP_BATCHES) visible.add(seenMs - (dueTimes[batch] as number));
      }
    });
  }
  const answers: Promise<unknown>[] = [];
  let before = bench.cpu();
  await sendPaced(INTERVAL_MS, WARM_UP_BATCHES + BATCHES, (index, dueMs) => {
    const { payload, recordCount } = pool.at(index);
    dueTimes[index] = dueMs;
    if (index === WARM_UP_BATCHES) before = bench.cpu();
    if (index >= WARM_UP_BATCHES) late.add(performance.now() - dueMs);
    answers.push(
      producer.produce(SOURCE_TOPIC, payload, recordCount).then((offset) => {
        if (index >= WARM_UP_BATCHES) acknowledged.add(performance.now() - dueMs);
        check(offset, TENANTS + index * BATCH_PULSES, `the offset of batch ${index}`);
      }),
    );
  });
  const after = bench.cpu();
  await Promise.all(answers);
  const pulses = TENANTS + (WARM_UP_BATCHES + BATCHES) * BATCH_PULSES;
  await bench.untilGrouped(pulses);
  const lines = await producer.topics('tenants.');
  let expectedLines = 0;
  for (let tenant = 1; tenant <= READ_TENANTS; tenant += 1)
    expectedLines += lines.get(`tenants.tenant-${tenant}.grouped.pulses`) ?? NaN;
  await until(() => {
    reader.assertAlive();
    return readLines >= expectedLines;
  });
  check(readLines, expectedLines, 'the count of lines seen');
  check(disordered, 0, 'the count of lines out of order');
  producer.close();
  reader.close();
  const micros = first.microsOfFirst(1) + pool.microsOfFirst(WARM_UP_BATCHES + BATCHES);
  await bench.checkOutputs({ pulses, units: micros * UNITS_A_MICRO });

  const percentOf = (part: keyof typeof after) => (((after[part] - before[part]) * 100) / SECONDS).toFixed(0);
  const { payload } = pool.at(0);
  const echo = (await echoRoundTrips(payload, BASELINE_ROUNDS)).at(0.5);
  const write = syncedWrites(directory.path, [payload], BASELINE_ROUNDS).times.at(0.5);
  const baseline = (p50Ms: number, journeys: number) => {
    const value = journeys * (echo + write);
    return { value, unit: 'ms p50', ratio: p50Ms / value };
  };
  const cpu = `broker ${percentOf('broker')} % (main thread ${percentOf('brokerMainThread')} %), ingestor ${percentOf('ingestor')} % of a core`;
  report(
    'latency',
    { rate: RATE, batch: BATCH_PULSES, tenants: TENANTS, skus: SKUS, seconds: SECONDS, read_tenants: READ_TENANTS },
    [
      {
        question: `acknowledgement at ${RATE.toLocaleString('en-US')} pulses/s`,
        rate: RATE,
        latency: latencyOf('acknowledgement', acknowledged),
        detail: `CPU: ${cpu}; generator late by ${late.at(0.99).toFixed(2)} ms p99, which counts`,
        targets: [
          { about: 'p50', atMost: 1 },
          { about: 'p99', atMost: 5 },
        ],
        baseline: { name: 'loopback echo + write + fdatasync of a batch', ...baseline(acknowledged.at(0.5), 1) },
        checked: CHECKED,
      },
      {
        question: `source → grouped line visible at ${RATE.toLocaleString('en-US')} pulses/s`,
        rate: RATE,
        latency: latencyOf('visible', visible),
        targets: [{ about: 'p99', atMost: 20 }],
        baseline: { name: 'two of these', ...baseline(visible.at(0.5), 2) },
        checked: 'every line once, in order',
      },
    ],
  );
}).finally(() => directory.remove());

/** The source offset of each grouped line of a payload: the last number of a line. */
function* sourceOffsets(payload: Uint8Array): Generator<number> {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, end + 1)) {
    // A brace precedes the line feed.
    let [offset, scale] = [0, 1];
    for (let at = end - 2; (bytes[at] as number) >= 48 && (bytes[at] as number) <= 57; at -= 1) {
      offset += ((bytes[at] as number) - 48) * scale;
      scale *= 10;
    }
    yield offset;
  }
}
