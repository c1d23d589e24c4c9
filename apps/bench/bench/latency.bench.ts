// At 50,000 pulses a second, how long until a pulse is acknowledged, and until a reader sees its grouped line? How long is
// the longest stall, and what does another program on one of the cores change?
//
// Latency counts from the time a batch was due, also when the generator was late: see sendPaced. The measured minute has
// window ends, a thousand new tenants at once, and segments that are sealed, each with a checkpoint. The bench checks that
// every pulse is in one window sum, that the sums are exact, and that the reader saw each line once, in order.

import {
  check,
  createPulsePool,
  createSamples,
  isSmoke,
  latencyOf,
  report,
  sendPaced,
  sized,
  syncedRoundTrips,
  until,
} from '@pulses/testing-benches';
import { makeTempDirectory, startApp, type RunningApp } from '@pulses/testing-processes';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKED, SOURCE_TOPIC, UNITS_A_MICRO, withBenchSystem } from './bench-system';
import { BrokerLink } from './broker-link';

const RATE = sized(50_000, 5_000, 'BENCH_RATE');
const TENANTS = sized(1_000, 20);
const SKUS = 50;
const INTERVAL_MS = 1;
/** At most the streams of one connection. */
const READ_TENANTS = Math.min(TENANTS, 200);
const BATCH_PULSES = (RATE * INTERVAL_MS) / 1000;
const SECONDS = sized(60, 2, 'BENCH_SECONDS');
const TAKEN_SECONDS = sized(20, 1);
const batchesIn = (seconds: number) => (seconds * 1000) / INTERVAL_MS;
/** Batches before each part, and all of them. */
const MEASURED = batchesIn(sized(5, 1));
const TAKEN = MEASURED + batchesIn(SECONDS);
const BATCHES = TAKEN + batchesIn(TAKEN_SECONDS);
/** The batch of the new tenants. */
const NEWCOMERS_AT = MEASURED + Math.floor((TAKEN - MEASURED) / 2);
const BUSY_MS_MAX = 120_000;
const ROUND_TRIPS = sized(2_000, 50);
/** In smoke size, a segment must be full as well. */
const BROKER_ARGS = isSmoke ? ['--segment-bytes=1MiB'] : [];

const pool = createPulsePool({
  tenants: TENANTS,
  skus: SKUS,
  batchCount: sized(2_000, 100),
  batchPulses: BATCH_PULSES,
});
/** Every tenant once: all topics exist before they are read. */
const dense = { tenants: TENANTS, skus: 1, batchCount: 1, batchPulses: TENANTS, isDense: true };
const first = createPulsePool(dense).at(0);
const newcomers = createPulsePool({ ...dense, firstTenant: TENANTS + 1 }).at(0);
const batchAt = (index: number) => (index === NEWCOMERS_AT ? newcomers : pool.at(index));

/** A program that needs a core, and gets half of it at least. */
async function takeCore(): Promise<RunningApp> {
  const app = startApp({ app: 'program', mainPath: process.argv[1] ?? '', args: ['busy'] });
  await app.waitForOutput(/busy\n/);
  execFileSync('taskset', ['--all-tasks', '--cpu-list', '--pid', '0', String(app.pid)], { stdio: 'ignore' });
  return app;
}

async function bench(directory: string): Promise<void> {
  await withBenchSystem({ window: isSmoke ? '1s' : '5s', brokerArgs: BROKER_ARGS }, async (bench) => {
    const [producer, reader] = [await BrokerLink.open(bench.system.port), await BrokerLink.open(bench.system.port)];
    await producer.produce(SOURCE_TOPIC, first.payload, TENANTS);
    await bench.untilGrouped(TENANTS);
    const roundTrips = () => syncedRoundTrips(directory, pool.at(0).payload, ROUND_TRIPS);
    const baselineBefore = await roundTrips();

    const firstOffsets = new Float64Array(BATCHES);
    let pulses = TENANTS;
    for (let index = 0; index < BATCHES; index += 1) {
      firstOffsets[index] = pulses;
      pulses += batchAt(index).recordCount;
    }
    const batchOfOffset = new Int32Array(pulses);
    for (let index = 0; index < BATCHES; index += 1) batchOfOffset.fill(index, firstOffsets[index]);

    const dueTimes = new Float64Array(BATCHES);
    const samples = () => ({ acknowledged: createSamples(), visible: createSamples(), late: createSamples() });
    const [warmUp, measured, taken] = [samples(), samples(), samples()];
    const samplesOf = (index: number) => (index < MEASURED ? warmUp : index < TAKEN ? measured : taken);
    let [readLines, disordered] = [0, 0];
    for (let tenant = 1; tenant <= READ_TENANTS; tenant += 1) {
      let lastOffset = -1;
      reader.read(`tenants.tenant-${tenant}.grouped.pulses`, ({ payload }) => {
        const seenMs = performance.now();
        for (const offset of sourceOffsets(payload)) {
          if (offset <= lastOffset) disordered += 1;
          lastOffset = offset;
          readLines += 1;
          if (offset < TENANTS) continue;
          const batch = batchOfOffset[offset] as number;
          samplesOf(batch).visible.add(seenMs - (dueTimes[batch] as number));
        }
      });
    }
    const answers: Promise<unknown>[] = [];
    const sendUpTo = (end: number) => {
      const start = answers.length;
      return sendPaced(INTERVAL_MS, end - start, (count, dueMs) => {
        const index = start + count;
        const { payload, recordCount } = batchAt(index);
        const { acknowledged, late } = samplesOf(index);
        dueTimes[index] = dueMs;
        late.add(performance.now() - dueMs);
        answers.push(
          producer.produce(SOURCE_TOPIC, payload, recordCount).then((offset) => {
            acknowledged.add(performance.now() - dueMs);
            check(offset, firstOffsets[index], `the offset of batch ${index}`);
          }),
        );
      });
    };
    const sealedRuns = () => readdirSync(join(bench.system.dataDir, 'runs')).length;

    await sendUpTo(MEASURED);
    const [before, runsBefore] = [bench.cpu(), sealedRuns()];
    await sendUpTo(TAKEN);
    const [after, runsAfter] = [bench.cpu(), sealedRuns()];
    check(runsAfter > runsBefore, true, 'whether a segment was sealed in the measured time');
    const other = await takeCore();
    await sendUpTo(BATCHES);
    await other.stop();
    await Promise.all(answers);
    await bench.untilGrouped(pulses);
    const topics = await producer.topics('tenants.');
    let expectedLines = 0;
    for (let tenant = 1; tenant <= READ_TENANTS; tenant += 1)
      expectedLines += topics.get(`tenants.tenant-${tenant}.grouped.pulses`)?.nextOffset ?? NaN;
    await until(() => {
      reader.assertAlive();
      return readLines >= expectedLines;
    });
    check(readLines, expectedLines, 'the count of lines seen');
    check(disordered, 0, 'the count of lines out of order');
    producer.close();
    reader.close();
    const micros = first.micros + pool.microsOfFirst(BATCHES) - pool.at(NEWCOMERS_AT).micros + newcomers.micros;
    await bench.checkOutputs({ pulses, units: micros * UNITS_A_MICRO });
    const baselineP99 = (baselineBefore.at(0.99) + (await roundTrips()).at(0.99)) / 2;

    const percentOf = (part: keyof typeof after) => (((after[part] - before[part]) * 100) / SECONDS).toFixed(0);
    const cpu = `broker ${percentOf('broker')} % (main thread ${percentOf('brokerMainThread')} %), ingestor ${percentOf('ingestor')} % of a core`;
    const { acknowledged, visible, late } = measured;
    const p99 = acknowledged.at(0.99);
    const at = `at ${RATE.toLocaleString('en-US')} pulses/s`;
    report(
      'latency',
      { rate: RATE, batch: BATCH_PULSES, tenants: TENANTS, skus: SKUS, seconds: SECONDS, read_tenants: READ_TENANTS },
      [
        {
          question: `acknowledgement ${at}`,
          rate: RATE,
          latency: latencyOf('acknowledgement', acknowledged),
          detail: `CPU: ${cpu}; generator late by ${late.at(0.99).toFixed(2)} ms p99, which counts`,
          targets: [{ about: 'p50', atMost: 1 }],
          checked: CHECKED,
        },
        {
          question: `acknowledgement ${at}: p99 ÷ p99 of a minimal one`,
          figure: { value: p99, unit: 'ms' },
          targets: [{ about: 'ratio', atMost: 5 }],
          baseline: {
            name: 'p99 of a loopback echo with one synced write of a batch',
            value: baselineP99,
            unit: 'ms',
            ratio: p99 / baselineP99,
          },
          checked: CHECKED,
        },
        {
          question: `longest stall in ${SECONDS} s ${at}: window ends, ${newcomers.recordCount.toLocaleString('en-US')} new tenants at once, seals, checkpoints`,
          figure: { value: Math.max(acknowledged.at(1), visible.at(1)), unit: 'ms' },
          detail: `until acknowledged ${acknowledged.at(1).toFixed(0)} ms, until visible ${visible.at(1).toFixed(0)} ms; ${runsAfter - runsBefore} runs sealed`,
          targets: [{ about: 'figure', atMost: 250 }],
          checked: CHECKED,
        },
        {
          question: `acknowledgement ${at} with one core taken by another program: p99 ÷ p99 without`,
          latency: latencyOf('acknowledgement', taken.acknowledged),
          targets: [{ about: 'ratio', atMost: 10 }],
          baseline: {
            name: 'p99 without',
            value: p99,
            unit: 'ms',
            ratio: taken.acknowledged.at(0.99) / p99,
          },
          checked: CHECKED,
        },
        {
          question: `source → grouped line visible ${at}`,
          rate: RATE,
          latency: latencyOf('visible', visible),
          targets: [{ about: 'p99', atMost: 50 }],
          checked: 'every line once, in order',
        },
      ],
    );
  });
}

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

/** Ends by itself, should the bench be killed. */
function beBusy(): void {
  process.stdout.write('busy\n');
  for (const endMs = performance.now() + BUSY_MS_MAX; performance.now() < endMs;);
}

if (process.argv[2] === 'busy') beBusy();
else {
  const directory = await makeTempDirectory();
  await bench(directory.path).finally(() => directory.remove());
}
