// How many pulses a second does the broker acknowledge without a reader?
//
// The bench checks that the topic then holds exactly the bytes sent, in order.

import {
  check,
  createPulsePool,
  createSamples,
  latencyOf,
  report,
  sized,
  syncedWrites,
  until,
} from '@pulses/testing-benches';
import { makeTempDirectory, stopAll } from '@pulses/testing-processes';
import { startBrokerProcess } from '@pulses/testing-system';
import { SOURCE_TOPIC } from './bench-system';
import { BrokerLink } from './broker-link';

const BATCH_PULSES = 1_000;
const BATCHES = Math.ceil(sized(10_000_000, 50_000, 'BENCH_PULSES') / BATCH_PULSES);
const PULSES = BATCHES * BATCH_PULSES;
const IN_FLIGHT = 32;

const pool = createPulsePool({ tenants: 1_000, skus: 50, batchCount: sized(200, 20), batchPulses: BATCH_PULSES });

/** Reads the whole topic and compares it byte by byte. */
async function checkStored(port: number): Promise<void> {
  const link = await BrokerLink.open(port);
  let [messages, batch, at] = [0, 0, 0];
  let difference: number | undefined;
  link.read(SOURCE_TOPIC, ({ payload, recordCount }) => {
    for (let from = 0; from < payload.byteLength && difference === undefined;) {
      const expected = pool.at(batch).payload;
      const length = Math.min(payload.byteLength - from, expected.byteLength - at);
      if (expected.compare(payload, from, from + length, at, at + length) !== 0) difference = batch;
      from += length;
      at += length;
      if (at === expected.byteLength) [batch, at] = [batch + 1, 0];
    }
    messages += recordCount;
  });
  await until(() => {
    link.assertAlive();
    return messages >= PULSES || difference !== undefined;
  });
  link.close();
  check(difference, undefined, 'the first batch that differs');
  check(messages, PULSES, 'the count of stored messages');
}

const directory = await makeTempDirectory();
const broker = await startBrokerProcess(['--log-level=warn']);
try {
  const link = await BrokerLink.open(broker.port);
  const latency = createSamples();
  let next = 0;
  /** One batch after the other; IN_FLIGHT of these run at a time. */
  const producer = async () => {
    while (next < BATCHES) {
      const { payload, recordCount } = pool.at(next);
      next += 1;
      const sentMs = performance.now();
      await link.produce(SOURCE_TOPIC, payload, recordCount);
      latency.add(performance.now() - sentMs);
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: IN_FLIGHT }, producer));
  const seconds = (performance.now() - start) / 1000;
  link.close();
  check(latency.count, BATCHES, 'the count of acknowledgements');
  await checkStored(broker.port);
  await broker.app.stop();

  const payloads = pool.batches.map(({ payload }) => payload);
  const bare = syncedWrites(directory.path, payloads, Math.min(BATCHES, 2_000));
  const bareRate =
    (bare.bytesPerSecond / (payloads.reduce((bytes, { byteLength }) => bytes + byteLength, 0) / payloads.length)) *
    BATCH_PULSES;
  const rate = PULSES / seconds;
  report('produce', { pulses: PULSES, batch: BATCH_PULSES, in_flight: IN_FLIGHT }, [
    {
      question: 'produce only, acknowledged',
      rate,
      latency: latencyOf('acknowledgement of a batch', latency),
      targets: [],
      baseline: {
        name: 'write + fdatasync of the same batches',
        value: bareRate,
        unit: 'pulses/s',
        ratio: rate / bareRate,
      },
      checked: 'every stored byte, in order',
    },
  ]);
} finally {
  await stopAll();
  await broker.stop();
  await directory.remove();
}
