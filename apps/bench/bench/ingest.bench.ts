// How much CPU and time does a pulse cost from the source to durable grouped lines and sums, compared with JSON.parse of its
// line? And how much memory does the load take?
//
// The bench, broker and ingestor share the machine; the lines are made beforehand. JSON.parse runs before and after each
// round. The figures are medians of the rounds. The bench checks that every pulse is in one window sum, and that the sums
// are exact.

import {
  createPulsePool,
  isSmoke,
  jsonParse,
  median,
  report,
  sized,
  type Measure,
  type ParseCost,
} from '@pulses/testing-benches';
import { CHECKED, memoryMeasure, UNITS_A_MICRO, withBenchSystem, type Memory } from './bench-system';

const BATCH_PULSES = 1_000;
const BATCHES = Math.ceil(sized(3_000_000, 20_000, 'BENCH_PULSES') / BATCH_PULSES);
const PULSES = BATCHES * BATCH_PULSES;
const TENANTS = sized(1_000, 20);
const SKUS = 50;
const ROUNDS = sized(3, 1, 'BENCH_ROUNDS');
const MEMORY_MIB_MAX = 320;

interface Round {
  readonly rate: number;
  /** CPU of a pulse, in microseconds; sums and sealed segments included. */
  readonly micros: { readonly broker: number; readonly ingestor: number };
  readonly memory: Memory;
  readonly parse: ParseCost;
}

const pool = createPulsePool({ tenants: TENANTS, skus: SKUS, batchCount: sized(200, 20), batchPulses: BATCH_PULSES });
jsonParse(pool.batches); // compiles it

function round(window: string): Promise<Round> {
  return withBenchSystem({ window }, async (bench) => {
    const parsedBefore = jsonParse(pool.batches);
    const [start, before] = [performance.now(), bench.cpu()];
    await bench.publish(pool, BATCHES);
    await bench.untilGrouped(PULSES);
    const seconds = (performance.now() - start) / 1000;
    await bench.untilClosed(PULSES);
    await bench.untilSealed();
    const [after, memory] = [bench.cpu(), bench.peakMemory()];
    const parsedAfter = jsonParse(pool.batches);
    await bench.checkOutputs({ pulses: PULSES, units: pool.microsOfFirst(BATCHES) * UNITS_A_MICRO });
    const microsOf = (part: 'broker' | 'ingestor') => ((after[part] - before[part]) * 1e6) / PULSES;
    return {
      rate: PULSES / seconds,
      micros: { broker: microsOf('broker'), ingestor: microsOf('ingestor') },
      memory,
      parse: {
        rate: (parsedBefore.rate + parsedAfter.rate) / 2,
        micros: (parsedBefore.micros + parsedAfter.micros) / 2,
      },
    };
  });
}

async function roundsOf(window: string): Promise<Round[]> {
  const rounds: Round[] = [];
  while (rounds.length < ROUNDS) rounds.push(await round(window));
  return rounds;
}

const medianOf = (rounds: readonly Round[], figure: (round: Round) => number) => median(rounds.map(figure));
const rateRatio = ({ rate, parse }: Round) => rate / parse.rate;
const cpuRatio = ({ micros, parse }: Round) => (micros.broker + micros.ingestor) / parse.micros;

function rateMeasure(window: string, rounds: readonly Round[], atLeast: number): Measure {
  return {
    question: `source → durable grouped lines and sums, ${window} windows`,
    rate: medianOf(rounds, ({ rate }) => rate),
    detail: `ratio of each round ${rounds.map((one) => rateRatio(one).toFixed(3)).join(', ')}`,
    targets: [{ about: 'ratio', atLeast }],
    baseline: {
      name: "one core's JSON.parse",
      value: medianOf(rounds, ({ parse }) => parse.rate),
      unit: 'lines/s',
      ratio: medianOf(rounds, rateRatio),
    },
    checked: CHECKED,
  };
}

const [usual, short] = isSmoke ? ['1s', '1s'] : ['5s', '1s'];
const [usualRounds, shortRounds] = [await roundsOf(usual), await roundsOf(short)];
const cpuOf = (part: 'broker' | 'ingestor') => medianOf(usualRounds, ({ micros }) => micros[part]).toFixed(2);
const parseMicros = medianOf(usualRounds, ({ parse }) => parse.micros).toFixed(2);
const ofAll = [...usualRounds, ...shortRounds].map(({ memory }) => memory);
const peak = (part: keyof Memory) => Math.max(...ofAll.map((memory) => memory[part]));
report('ingest', { pulses: PULSES, tenants: TENANTS, skus: SKUS, windows: `${usual} ${short}`, rounds: ROUNDS }, [
  {
    question: `CPU of a pulse, broker and ingestor, ÷ CPU of JSON.parse of its line, ${usual} windows`,
    figure: { value: medianOf(usualRounds, cpuRatio), unit: '×' },
    detail: `broker ${cpuOf('broker')} µs, ingestor ${cpuOf('ingestor')} µs, JSON.parse ${parseMicros} µs`,
    targets: [{ about: 'figure', atMost: 4 }],
    checked: CHECKED,
  },
  rateMeasure(usual, usualRounds, 0.35),
  rateMeasure(short, shortRounds, 0.25),
  memoryMeasure('at full rate', { broker: peak('broker'), ingestor: peak('ingestor') }, MEMORY_MIB_MAX),
]);
