// How fast does a broker scan its journal at a start after a kill?
//
// Nothing is sealed, so the start reads all that was stored: source, grouped lines and sums of a load. The time that a start
// without data takes does not count. The bench checks that every pulse and every line is there.

import { check, createPulsePool, isSmoke, report, sized } from '@pulses/testing-benches';
import { startBrokerProcess } from '@pulses/testing-system';
import { SOURCE_TOPIC, withBenchSystem } from './bench-system';
import { BrokerLink } from './broker-link';

const BATCH_PULSES = 1_000;
/** Less than a segment, with its outputs. */
const BATCHES = Math.ceil(sized(700_000, 20_000, 'BENCH_PULSES') / BATCH_PULSES);
const PULSES = BATCHES * BATCH_PULSES;
const TENANTS = sized(1_000, 20);
const SKUS = 50;
const WINDOW = isSmoke ? '1s' : '5s';
const EMPTY_STARTS = 3;
const MB_PER_SECOND_MIN = 300;

const pool = createPulsePool({ tenants: TENANTS, skus: SKUS, batchCount: sized(200, 20), batchPulses: BATCH_PULSES });
const secondsOf = async (work: () => Promise<unknown>) => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};

/** Of several starts, since other programs only add to the time. */
async function secondsOfEmptyStart(): Promise<number> {
  const broker = await startBrokerProcess();
  const times: number[] = [];
  while (times.length < EMPTY_STARTS) times.push(await secondsOf(() => broker.restart('SIGKILL')));
  await broker.stop();
  return Math.min(...times);
}

const emptySeconds = await secondsOfEmptyStart();

await withBenchSystem({ window: WINDOW, brokerArgs: ['--segment-bytes=256MiB'] }, async (bench) => {
  await bench.publish(pool, BATCHES);
  await bench.untilGrouped(PULSES);
  await bench.untilClosed(PULSES);
  const bytes = await bench.payloadBytes();
  await bench.system.ingestor.stop();
  const seconds = await secondsOf(() => bench.system.restart('broker', 'SIGKILL'));

  const link = await BrokerLink.open(bench.system.port);
  const topics = [...(await link.topics('')).values()];
  link.close();
  const messagesOf = (isOne: (topic: string) => boolean) =>
    topics.reduce((sum, { topic, nextOffset }) => sum + (isOne(topic) ? nextOffset : 0), 0);
  check(
    messagesOf((topic) => topic === SOURCE_TOPIC),
    PULSES,
    'the count of pulses',
  );
  check(
    messagesOf((topic) => topic.endsWith('.grouped.pulses')),
    PULSES,
    'the count of grouped lines',
  );
  check(
    topics.reduce((sum, topic) => sum + topic.bytes, 0),
    bytes,
    'the bytes of all messages',
  );

  const scanSeconds = seconds - emptySeconds;
  report('recovery', { pulses: PULSES, tenants: TENANTS, skus: SKUS, window: WINDOW }, [
    {
      question: 'scan of the journal at a start after a kill',
      figure: { value: bytes / 1e6 / scanSeconds, unit: 'MB/s' },
      detail: `${(bytes / 1e6).toFixed(0)} MB of payload in ${scanSeconds.toFixed(2)} s; ready after ${seconds.toFixed(2)} s`,
      targets: [{ about: 'figure', atLeast: MB_PER_SECOND_MIN }],
      checked: 'count of pulses and grouped lines, bytes of all messages',
    },
  ]);
});
