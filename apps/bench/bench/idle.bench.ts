// How much of a core do broker and ingestor use at 1,000 pulses a second, and while idle?
//
// Other programs on the machine only add to the cost: the least of the periods counts. The bench checks that every pulse is
// in one window sum, also those that come after the idle time, and that the sums are exact.

import { createPulsePool, report, sendPaced, sized, type Measure } from '@pulses/testing-benches';
import { CHECKED, SOURCE_TOPIC, UNITS_A_MICRO, withBenchSystem, type Cpu } from './bench-system';
import { BrokerLink } from './broker-link';

const RATE = 1_000;
const INTERVAL_MS = 10;
const BATCH_PULSES = (RATE * INTERVAL_MS) / 1000;
const SECONDS = sized(15, 1, 'BENCH_SECONDS');
const BATCHES = (SECONDS * 1000) / INTERVAL_MS;
const PERIODS = sized(3, 1);
/** Until compilation has ended. */
const SETTLE_MS = sized(5_000, 100);
const TENANTS = sized(1_000, 20);
const SKUS = 50;
const WINDOW = sized(5, 1);

const pool = createPulsePool({ tenants: TENANTS, skus: SKUS, batchCount: 1_000, batchPulses: BATCH_PULSES });
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

interface Shares {
  readonly broker: number;
  readonly ingestor: number;
}

const sumOf = ({ broker, ingestor }: Shares) => broker + ingestor;

/** Percent of a core in the cheapest of the periods. */
async function leastShares(cpu: () => Cpu, period: () => Promise<unknown>): Promise<Shares> {
  const periods: Shares[] = [];
  while (periods.length < PERIODS) {
    const [before, start] = [cpu(), performance.now()];
    await period();
    const [after, ms] = [cpu(), performance.now() - start];
    const percentOf = (part: 'broker' | 'ingestor') => ((after[part] - before[part]) * 1e5) / ms;
    periods.push({ broker: percentOf('broker'), ingestor: percentOf('ingestor') });
  }
  return periods.reduce((one, other) => (sumOf(one) <= sumOf(other) ? one : other));
}

function shareMeasure(question: string, shares: Shares, atMost: number, detail = ''): Measure {
  const { broker, ingestor } = shares;
  return {
    question,
    figure: { value: sumOf(shares), unit: '% of a core' },
    detail: `least of ${PERIODS}; broker ${broker.toFixed(2)} %, ingestor ${ingestor.toFixed(2)} %${detail}`,
    targets: [{ about: 'figure', atMost }],
    checked: CHECKED,
  };
}

await withBenchSystem({ window: `${WINDOW}s` }, async (bench) => {
  const link = await BrokerLink.open(bench.system.port);
  let sent = 0;
  const publish = async () => {
    const answers: Promise<number>[] = [];
    await sendPaced(INTERVAL_MS, BATCHES, () => {
      answers.push(link.produce(SOURCE_TOPIC, pool.at(sent).payload, BATCH_PULSES));
      sent += 1;
    });
    await Promise.all(answers);
  };
  await publish();
  const loaded = await leastShares(bench.cpu, publish);
  await bench.untilClosed(sent * BATCH_PULSES);
  await pause(SETTLE_MS);
  const idle = await leastShares(bench.cpu, () => pause(SECONDS * 1000));

  const woken = performance.now();
  await link.produce(SOURCE_TOPIC, pool.at(sent).payload, BATCH_PULSES);
  sent += 1;
  await bench.untilGrouped(sent * BATCH_PULSES);
  const wakeMs = performance.now() - woken;
  link.close();
  await bench.checkOutputs({ pulses: sent * BATCH_PULSES, units: pool.microsOfFirst(sent) * UNITS_A_MICRO });
  report('idle', { seconds: SECONDS, periods: PERIODS, tenants: TENANTS, skus: SKUS, window: `${WINDOW}s` }, [
    shareMeasure(`CPU of broker and ingestor at ${RATE.toLocaleString('en-US')} pulses/s`, loaded, 6),
    shareMeasure(
      'CPU of broker and ingestor while idle',
      idle,
      1,
      `; grouped ${wakeMs.toFixed(0)} ms after a load came`,
    ),
  ]);
});
