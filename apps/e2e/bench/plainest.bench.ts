// What do two cores and this disk leave for a pipeline at all? The same bytes as in `ingest` and `latency` take the same way, from
// a producer to a synced journal, to a consumer, back to the journal and into each tenant's file, through three processes
// that do nothing else. With the check that the files hold every line.

import { statSync } from 'node:fs';
import { check, cpuSeconds, createPulsePool, createSamples, jsonParseYardstick, report, sendPaced, sized, until } from '@pulses/testing-benches';
import { makeTempDirectory, startApp, stopAll } from '@pulses/testing-processes';
import { lineFilePath, runPlainBroker, type PlainBroker } from './plain-broker';
import { GROUPED_EXTRA_BYTES, runPlainIngestor, type PlainIngestor } from './plain-ingestor';
import { createMessageReader, forEachSection, joinBroker, sendMessage } from './plain-messages';

const TENANTS = sized(1_000, 20);
const SKUS = 50;
const BATCH_PULSES = 1_000;
const BATCHES = sized(6_000_000, 20_000, 'BENCH_PULSES') / BATCH_PULSES;
const IN_FLIGHT = 32;
const RATE = sized(50_000, 5_000, 'BENCH_RATE');
const INTERVAL_MS = 1;
const PACED_PULSES = (RATE * INTERVAL_MS) / 1000;
const PACED_BATCHES = (sized(20, 1, 'BENCH_SECONDS') * 1000) / INTERVAL_MS;
const WARM_UP_BATCHES = (sized(5, 1) * 1000) / INTERVAL_MS;
const CHECKED = "bytes of the tenants' files";

interface Pipeline {
  /** Resolves once the message is stored. */
  produce(payload: Uint8Array): Promise<void>;
  /** Lines that are grouped and stored. */
  grouped(): number;
  /** From now on: bytes of lines of a tenant, in order, when they are stored and have come to a reader of all tenants. */
  watch(onLines: (bytes: number) => void): Promise<void>;
  cpu(): { broker: number; ingestor: number };
  /** Ends all, and compares the size of the tenants' files. @throws Error when a byte is missing */
  finish(expected: { readonly pulses: number; readonly sourceBytes: number }): Promise<void>;
}

async function startPipeline(): Promise<Pipeline> {
  const directory = await makeTempDirectory();
  const program = (role: string, what: PlainBroker | PlainIngestor) =>
    startApp({ app: 'program', mainPath: process.argv[1] ?? '', args: [role, JSON.stringify(what)] });
  const broker = program('broker', { directory: directory.path, tenants: TENANTS });
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
    cpu: () => ({ broker: cpuSeconds(broker.pid), ingestor: cpuSeconds(ingestor.pid) }),
    async finish({ pulses, sourceBytes }) {
      socket.destroy();
      const { code } = await broker.stop();
      check(code, 0, 'the exit code of the plain broker');
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
  return { rate: pulses / seconds, cpu: `CPU a pulse: broker ${microsOf('broker')} µs, ingestor ${microsOf('ingestor')} µs`, batches: pool.batches };
}

async function paced() {
  const pool = createPulsePool({ tenants: TENANTS, skus: SKUS, batchCount: sized(2_000, 100), batchPulses: PACED_PULSES });
  const pipeline = await startPipeline();
  const [acknowledged, visible] = [createSamples(), createSamples()];
  const answers: Promise<unknown>[] = [];
  /** Of each batch: when it was due, and how many bytes of lines there are when its own are. */
  const sent: { readonly dueMs: number; readonly endBytes: number }[] = [];
  let [sourceBytes, seenBytes, seenBatches] = [0, 0, 0];
  await pipeline.watch((bytes) => {
    seenBytes += bytes;
    for (let batch = sent[seenBatches]; batch !== undefined && batch.endBytes <= seenBytes; batch = sent[seenBatches]) {
      if (seenBatches >= WARM_UP_BATCHES) visible.add(performance.now() - batch.dueMs);
      seenBatches += 1;
    }
  });
  const batches = WARM_UP_BATCHES + PACED_BATCHES;
  await sendPaced(INTERVAL_MS, batches, (index, dueMs) => {
    const { payload } = pool.at(index);
    sourceBytes += payload.byteLength;
    sent.push({ dueMs, endBytes: sourceBytes + (index + 1) * PACED_PULSES * GROUPED_EXTRA_BYTES });
    answers.push(
      pipeline.produce(payload).then(() => {
        if (index >= WARM_UP_BATCHES) acknowledged.add(performance.now() - dueMs);
      }),
    );
  });
  await Promise.all(answers);
  const pulses = batches * PACED_PULSES;
  await until(() => pipeline.grouped() >= pulses && seenBatches === batches);
  check(seenBytes, sourceBytes + pulses * GROUPED_EXTRA_BYTES, 'the bytes of the lines seen');
  await pipeline.finish({ pulses, sourceBytes });
  return { acknowledged, visible };
}

async function bench(): Promise<void> {
  try {
    const most = await flatOut();
    const { acknowledged, visible } = await paced();
    report('plainest', { pulses: BATCHES * BATCH_PULSES, tenants: TENANTS, batch: BATCH_PULSES, in_flight: IN_FLIGHT, rate: RATE }, [
      {
        question: 'plainest pipeline of the same bytes: source → durable lines by tenant',
        rate: most.rate,
        detail: most.cpu,
        targets: [],
        yardstick: jsonParseYardstick(most.batches)(most.rate),
        checked: CHECKED,
      },
      {
        question: `the same: acknowledgement at ${RATE.toLocaleString('en-US')} pulses/s`,
        rate: RATE,
        latency: { of: 'acknowledgement', p50Ms: acknowledged.at(0.5), p99Ms: acknowledged.at(0.99) },
        targets: [],
        checked: CHECKED,
      },
      {
        question: `the same: source → line visible at ${RATE.toLocaleString('en-US')} pulses/s`,
        rate: RATE,
        latency: { of: 'visible', p50Ms: visible.at(0.5), p99Ms: visible.at(0.99) },
        targets: [],
        checked: 'bytes of the lines seen',
      },
    ]);
  } finally {
    await stopAll();
  }
}

const [role, what = ''] = process.argv.slice(2);
if (role === 'broker') await runPlainBroker(JSON.parse(what) as PlainBroker);
else if (role === 'ingestor') await runPlainIngestor(JSON.parse(what) as PlainIngestor);
else await bench();
