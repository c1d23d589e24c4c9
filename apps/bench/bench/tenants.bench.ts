// Does a pulse cost more with 100,000 tenants than with 10? What does a new tenant cost?
//
// The cost is CPU time of broker and ingestor, sums and sealed segments included. Code is compiled by a load of ten tenants
// first, then every tenant gets a pulse, and then another one. The difference is what being new costs. With the tenants
// there, the load comes at a rate, and as fast as it is acknowledged. The bench checks that every pulse is in one window sum,
// and that the sums are exact.

import {
  createPulsePool,
  isSmoke,
  report,
  sendPaced,
  sized,
  type Measure,
  type PulsePool,
} from '@pulses/testing-benches';
import {
  CHECKED,
  memoryMeasure,
  SOURCE_TOPIC,
  UNITS_A_MICRO,
  untilEarlyInWindow,
  withBenchSystem,
  type BenchSystem,
  type Memory,
} from './bench-system';
import { BrokerLink } from './broker-link';

const FEWEST = 10;
const TENANT_COUNTS = isSmoke ? [FEWEST, 200] : [FEWEST, 1_000, 100_000];
const MOST = Math.max(...TENANT_COUNTS);
const SKUS = sized(1, 1, 'BENCH_SKUS');
const BATCH_PULSES = sized(1_000, 100);
const BATCHES = sized(2_000_000, 10_000, 'BENCH_PULSES') / BATCH_PULSES;
const RATE = sized(50_000, 5_000, 'BENCH_RATE');
const INTERVAL_MS = 1;
const PACED_PULSES = (RATE * INTERVAL_MS) / 1000;
const PACED_BATCHES = (sized(10, 1, 'BENCH_SECONDS') * 1000) / INTERVAL_MS;
const WINDOW_S = sized(5, 1);
const MEMORY_MIB_MAX = 400;

interface Costs {
  readonly tenants: number;
  /** CPU microseconds: of a pulse as fast as possible, of one at the rate, and of being new for a tenant. */
  readonly full: number;
  readonly paced: number;
  readonly newTenant: number;
  /** Pulses a second, as fast as possible. */
  readonly rate: number;
  readonly memory: Memory;
}

function costsOf(tenants: number): Promise<Costs> {
  return withBenchSystem({ window: `${WINDOW_S}s` }, async (bench) => {
    const load = new CountedLoad(bench);
    // The same number of pulses for each count, so that each run starts with equally compiled code.
    const everyTenant = {
      skus: SKUS,
      batchCount: (MOST * SKUS) / BATCH_PULSES,
      batchPulses: BATCH_PULSES,
      isDense: true,
    };
    const few = createPulsePool({ ...everyTenant, tenants: FEWEST });
    const all = createPulsePool({ ...everyTenant, tenants });
    const random = { tenants, skus: SKUS };
    const fast = createPulsePool({ ...random, batchCount: sized(400, 20), batchPulses: BATCH_PULSES });
    const slow = createPulsePool({ ...random, batchCount: sized(2_000, 100), batchPulses: PACED_PULSES });
    const publishAll = (pool: PulsePool, batches: number) =>
      load.costOf(pool, batches, () => bench.publish(pool, batches));

    await publishAll(few, few.batches.length);
    await publishAll(few, few.batches.length);
    const newOnes = await publishAll(all, all.batches.length);
    const knownOnes = await publishAll(all, all.batches.length);

    const link = await BrokerLink.open(bench.system.port);
    const paced = await load.costOf(slow, PACED_BATCHES, async () => {
      const answers: Promise<number>[] = [];
      await sendPaced(INTERVAL_MS, PACED_BATCHES, (index) => {
        answers.push(link.produce(SOURCE_TOPIC, slow.at(index).payload, PACED_PULSES));
      });
      await Promise.all(answers);
    });
    link.close();
    const full = await publishAll(fast, BATCHES);
    const memory = bench.peakMemory();
    await load.check();
    return {
      tenants,
      full: full.micros,
      paced: paced.micros,
      newTenant: ((newOnes.micros - knownOnes.micros) * all.batches.length * BATCH_PULSES) / tenants,
      rate: full.rate,
      memory,
    };
  });
}

/** What was published, and what it cost. */
class CountedLoad {
  readonly #bench: BenchSystem;
  #pulses = 0;
  #micros = 0n;

  constructor(bench: BenchSystem) {
    this.#bench = bench;
  }

  /** CPU microseconds of a pulse until all is grouped, summed and sealed, and pulses a second until all is grouped. */
  async costOf(
    pool: PulsePool,
    batches: number,
    publish: () => Promise<void>,
  ): Promise<{ micros: number; rate: number }> {
    const bench = this.#bench;
    const pulses = batches * pool.at(0).recordCount;
    this.#pulses += pulses;
    this.#micros += pool.microsOfFirst(batches);
    await untilEarlyInWindow(WINDOW_S);
    const [start, before] = [performance.now(), bench.cpu()];
    await publish();
    await bench.untilGrouped(this.#pulses);
    const seconds = (performance.now() - start) / 1000;
    await bench.untilClosed(this.#pulses);
    await bench.untilSealed();
    const after = bench.cpu();
    const cpu = after.broker - before.broker + after.ingestor - before.ingestor;
    return { micros: (cpu * 1e6) / pulses, rate: pulses / seconds };
  }

  check(): Promise<void> {
    return this.#bench.checkOutputs({ pulses: this.#pulses, units: this.#micros * UNITS_A_MICRO });
  }
}

const costs: Costs[] = [];
for (const tenants of TENANT_COUNTS) costs.push(await costsOf(tenants));
const [fewest, most] = [costs[0] as Costs, costs.at(-1) as Costs];

function ratioMeasure(load: string, kind: 'full' | 'paced', atMost: number): Measure {
  const detail = costs.map((cost) => `${cost.tenants.toLocaleString('en-US')} tenants ${cost[kind].toFixed(2)} µs`);
  return {
    question: `cost of a pulse ${load}, ${FEWEST} → ${MOST.toLocaleString('en-US')} tenants`,
    figure: { value: most[kind] / fewest[kind], unit: '×' },
    detail: `CPU a pulse: ${detail.join(', ')}`,
    targets: [{ about: 'figure', atMost }],
    checked: CHECKED,
  };
}

const settings = { pulses: BATCHES * BATCH_PULSES, tenants: TENANT_COUNTS.join(' '), skus: SKUS, rate: RATE };
report('tenants', { ...settings, window: `${WINDOW_S}s` }, [
  ratioMeasure(`at ${RATE.toLocaleString('en-US')} pulses/s`, 'paced', 1.3),
  { ...ratioMeasure('at full rate', 'full', 2.5), rate: most.rate },
  {
    question: 'cost of a new tenant',
    figure: { value: most.newTenant, unit: 'µs' },
    detail: 'CPU of its first pulse and sum, less that of others',
    targets: [{ about: 'figure', atMost: 20 }],
    checked: CHECKED,
  },
  memoryMeasure(`with ${MOST.toLocaleString('en-US')} tenants`, most.memory, MEMORY_MIB_MAX),
]);
