// What can any pipeline reach on two cores and this disk?
//
// The bytes of `ingest` and `latency` take the same path through three minimal processes: producer, synced journal,
// consumer, journal again, one file for each tenant. Further runs keep the broker's main thread busier for each line, to
// show what that does to latency. The bench checks that the files hold every line.

import { statSync } from 'node:fs';
import {
  check,
  cpuSeconds,
  createPulsePool,
  createSamples,
  isSmoke,
  jsonParseBaseline,
  latencyOf,
  mainThreadCpuSeconds,
  report,
  sendPaced,
  sized,
  until,
  type Measure,
  type Samples,
} from '@pulses/testing-benches';
import { makeTempDirectory, startApp, stopAll } from '@pulses/testing-processes';
import { lineFilePath, runBaselineBroker, type BaselineBroker } from '../baseline/baseline-broker';
import { GROUPED_EXTRA_BYTES, runBaselineIngestor, type BaselineIngestor } from '../baseline/baseline-ingestor';
import { createMessageReader, forEachSection, joinBroker, sendMessage } from '../baseline/baseline-messages';

const TENANTS = sized(1_000, 20);
const SKUS = 50;
const BATCH_PULSES = 1_000;
const BATCHES = sized(6_000_000, 20_000, 'BENCH_PULSES') / BATCH_PULSES;
const IN_FLIGHT = 32;
const RATE = sized(50_000, 5_000, 'BENCH_RATE');
const INTERVAL_MS = 1;
const PACED_PULSES = (RATE * INTERVAL_MS) / 1000;
const SECONDS = sized(20, 1, 'BENCH_SECONDS');
const WARM_UP_BATCHES = (sized(5, 1) * 1000) / INTERVAL_MS;
/** One more run for each: extra work of the broker's main thread a line. */
const LINE_WORK_MICROS = isSmoke ? [2] : [2, 4, 8];
const CHECKED = "bytes of the tenants' files";
const CHECKED_LINES = 'bytes of the lines seen';

interface Pipeline {
  /** Resolves once the message is stored. */
  produce(payload: Uint8Array): Promise<void>;
  /** Number of grouped lines that are stored. */
  grouped(): number;
  /** Calls back with the bytes of stored lines, as a reader of all tenants receives them. */
  watch(onLines: (bytes: number) => void): Promise<void>;
  /** CPU seconds so far. */
  cpu(): { broker: number; brokerMainThread: number; ingestor: number };
  /** Stops everything and compares the size of the tenants' files. @throws Error when a byte is missing */
  finish(expected: { readonly pulses: number; readonly sourceBytes: number }): Promise<void>;
}

async function startPipeline(lineWorkMicros = 0): Promise<Pipeline> {
  const directory = await makeTempDirectory();
  const program = (role: string, what: BaselineBroker | BaselineIngestor) =>
    startApp({ app: 'program', mainPath: process.argv[1] ?? '', args: [role, JSON.stringify(what)] });
  const broker = program('broker', { directory: directory.path, tenants: TENANTS, lineWorkMicros });
  await broker.waitForOutput(/listening \d+\n/);
  const port = Number(/listening (\d+)/.exec(broker.stdout)?.[1]);
  const ingestor = program('ingestor', { port, tenants: TENANTS });
  await ingestor.waitForOutput(/reading\n/);
  const socket = await joinBroker(port, 'producer');
  const answers: (() => void)[] = [];
  socket.on('data', (acknowledgements: Buffer) => {
    for (const _ of acknowledgements) answers.shift()?.();
  });
  return {
    produce: (payload) =>
      new Promise((resolve) => {
        answers.push(resolve);
        sendMessage(socket, payload);
      }),
    async watch(onLines) {
      const take = createMessageReader();
      (await joinBroker(port, 'watcher')).on('data', (chunk: Buffer) => {
        for (const message of take(chunk))
          forEachSection(message, (_tenant, start, end) => {
            onLines(end - start);
          });
      });
    },
    grouped: () => Number(/stored (\d+)\n$/.exec(ingestor.stdout.slice(-40))?.[1] ?? 0),
    cpu: () => ({
      broker: cpuSeconds(broker.pid),
      brokerMainThread: mainThreadCpuSeconds(broker.pid),
      ingestor: cpuSeconds(ingestor.pid),
    }),
    async finish({ pulses, sourceBytes }) {
      socket.destroy();
      const { code } = await broker.stop();
      check(code, 0, 'the exit code of the baseline broker');
      let bytes = 0;
      for (let tenant = 1; tenant <= TENANTS; tenant += 1) bytes += statSync(lineFilePath(directory.path, tenant)).size;
      check(statSync(lineFilePath(directory.path, 0)).size, sourceBytes, 'the bytes of the source');
      check(bytes, sourceBytes + pulses * GROUPED_EXTRA_BYTES, CHECKED);
      await ingestor.exited;
      await directory.remove();
    },
  };
}

async function flatOut() {
  const pool = createPulsePool({ tenants: TENANTS, skus: SKUS, batchCount: sized(200, 20), batchPulses: BATCH_PULSES });
  const pipeline = await startPipeline();
  const [start, before] = [performance.now(), pipeline.cpu()];
  let [next, sourceBytes] = [0, 0];
  const producer = async () => {
    while (next < BATCHES) {
      const { payload } = pool.at(next);
      next += 1;
      sourceBytes += payload.byteLength;
      await pipeline.produce(payload);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, producer));
  const pulses = BATCHES * BATCH_PULSES;
  await until(() => pipeline.grouped() >= pulses);
  const seconds = (performance.now() - start) / 1000;
  const after = pipeline.cpu();
  await pipeline.finish({ pulses, sourceBytes });
  const microsOf = (part: 'broker' | 'ingestor') => (((after[part] - before[part]) * 1e6) / pulses).toFixed(2);
  return {
    rate: pulses / seconds,
    cpu: `CPU a pulse: broker ${microsOf('broker')} µs, ingestor ${microsOf('ingestor')} µs`,
    batches: pool.batches,
  };
}

/** The lines of batches, as a reader of all tenants receives them. */
interface SeenLines {
  readonly visible: Samples;
  /** Batches must be announced in the order in which their lines arrive. */
  expect(batch: { readonly dueMs: number; readonly lineBytes: number }): void;
  /** Resolves once the lines of all expected batches have arrived. @throws Error when the bytes differ */
  all(): Promise<void>;
}

async function watchLines(pipeline: Pipeline): Promise<SeenLines> {
  const visible = createSamples();
  /** Of each batch: when it was due, and the total of bytes once it has arrived. */
  const expected: { readonly dueMs: number; readonly endBytes: number }[] = [];
  let [expectedBytes, seenBytes, seenBatches] = [0, 0, 0];
  await pipeline.watch((bytes) => {
    seenBytes += bytes;
    for (
      let batch = expected[seenBatches];
      batch !== undefined && batch.endBytes <= seenBytes;
      batch = expected[seenBatches]
    ) {
      if (seenBatches >= WARM_UP_BATCHES) visible.add(performance.now() - batch.dueMs);
      seenBatches += 1;
    }
  });
  return {
    visible,
    expect({ dueMs, lineBytes }) {
      expectedBytes += lineBytes;
      expected.push({ dueMs, endBytes: expectedBytes });
    },
    async all() {
      await until(() => seenBatches === expected.length);
      check(seenBytes, expectedBytes, CHECKED_LINES);
    },
  };
}

interface PacedRun {
  readonly acknowledged: Samples;
  readonly visible: Samples;
  /** Load of the broker's main thread, of one core. */
  readonly mainThreadPercent: number;
}

/** Measures a new pipeline, after a warm-up. */
async function paced(lineWorkMicros = 0): Promise<PacedRun> {
  const pool = createPulsePool({
    tenants: TENANTS,
    skus: SKUS,
    batchCount: sized(2_000, 100),
    batchPulses: PACED_PULSES,
  });
  const pipeline = await startPipeline(lineWorkMicros);
  const [acknowledged, lines] = [createSamples(), await watchLines(pipeline)];
  const answers: Promise<unknown>[] = [];
  const batches = WARM_UP_BATCHES + (SECONDS * 1000) / INTERVAL_MS;
  let [sourceBytes, before] = [0, pipeline.cpu()];
  await sendPaced(INTERVAL_MS, batches, (index, dueMs) => {
    const { payload } = pool.at(index);
    if (index === WARM_UP_BATCHES) before = pipeline.cpu();
    sourceBytes += payload.byteLength;
    lines.expect({ dueMs, lineBytes: payload.byteLength + PACED_PULSES * GROUPED_EXTRA_BYTES });
    answers.push(
      pipeline.produce(payload).then(() => {
        if (index >= WARM_UP_BATCHES) acknowledged.add(performance.now() - dueMs);
      }),
    );
  });
  const busySeconds = pipeline.cpu().brokerMainThread - before.brokerMainThread;
  await Promise.all(answers);
  const pulses = batches * PACED_PULSES;
  await until(() => pipeline.grouped() >= pulses);
  await lines.all();
  await pipeline.finish({ pulses, sourceBytes });
  return { acknowledged, visible: lines.visible, mainThreadPercent: (busySeconds * 100) / SECONDS };
}

const busyText = ({ mainThreadPercent }: PacedRun) =>
  `broker's main thread ${mainThreadPercent.toFixed(0)} % of a core`;

const at = `at ${RATE.toLocaleString('en-US')} pulses/s`;

/** Of the run without extra work. */
function leastMeasures(run: PacedRun): Measure[] {
  return [
    {
      question: `the same: acknowledgement ${at}`,
      rate: RATE,
      latency: latencyOf('acknowledgement', run.acknowledged),
      detail: busyText(run),
      targets: [],
      checked: CHECKED,
    },
    {
      question: `the same: source → line visible ${at}`,
      rate: RATE,
      latency: latencyOf('visible', run.visible),
      targets: [],
      checked: CHECKED_LINES,
    },
  ];
}

function workMeasure(lineWorkMicros: number, run: PacedRun): Measure {
  const visibleMs = [0.5, 0.99].map((share) => run.visible.at(share).toFixed(2)).join(' / ');
  return {
    question: `the same ${at}, with ${lineWorkMicros} µs more work a line for the broker's main thread`,
    rate: RATE,
    latency: latencyOf('acknowledgement', run.acknowledged),
    detail: `visible ${visibleMs} ms; ${busyText(run)}`,
    targets: [],
    checked: `${CHECKED}, ${CHECKED_LINES}`,
  };
}

async function bench(): Promise<void> {
  try {
    const least = await paced();
    const busier: Measure[] = [];
    for (const micros of LINE_WORK_MICROS) busier.push(workMeasure(micros, await paced(micros)));
    // Last, since gigabytes of pending writes would slow down the other runs.
    const most = await flatOut();
    const measures: Measure[] = [
      {
        question: 'baseline pipeline of the same bytes: source → durable lines by tenant',
        rate: most.rate,
        detail: most.cpu,
        targets: [],
        baseline: jsonParseBaseline(most.batches)(most.rate),
        checked: CHECKED,
      },
      ...leastMeasures(least),
      ...busier,
    ];
    const paces = { rate: RATE, seconds: SECONDS, line_work_micros: LINE_WORK_MICROS.join(' ') };
    report(
      'baseline',
      { pulses: BATCHES * BATCH_PULSES, tenants: TENANTS, batch: BATCH_PULSES, in_flight: IN_FLIGHT, ...paces },
      measures,
    );
  } finally {
    await stopAll();
  }
}

const [role, what = ''] = process.argv.slice(2);
if (role === 'broker') await runBaselineBroker(JSON.parse(what) as BaselineBroker);
else if (role === 'ingestor') await runBaselineIngestor(JSON.parse(what) as BaselineIngestor);
else await bench();
