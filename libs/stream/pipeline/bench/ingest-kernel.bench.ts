// What does a pulse cost the ingestor's CPU from source bytes to grouped lines by tenant and sums by key? It is asked
// of the kernel in WebAssembly and of its definition. And what does a sum of a window cost it, from its limbs to its
// line in a commit?
//
// Both kernels take turns in one process, so that other load on the machine meets both. The bench checks that sums are exact,
// that both write the same number of bytes, and that every key has a line.

import type { AggregationEngine } from '@pulses/aggregation-api';
import type { SourceRecords } from '@pulses/connector-api';
import { addAmountAt, AMOUNT_LIMBS, createAmount, formatAmount } from '@pulses/shared-pulse-model';
import { check, createPulsePool, isSmoke, sized, type PulsePool } from '@pulses/testing-benches';
import { createSimRandom } from '@pulses/testing-sim';
import { cpus } from 'node:os';
import { createDefinitionKernel } from '../src/kernel/definition-kernel';
import type { IngestKernel, IngestKernelOptions } from '../src/kernel/ingest-kernel';
import { WasmKernel } from '../src/kernel/wasm-kernel';
import { limitsOf } from '../src/options';
import { KeySpace } from '../src/windows/key-space';
import { OpenWindow } from '../src/windows/open-window';
import { emitWindow } from '../src/windows/window-emitter';

const TURNS = sized(7, 1);
const BATCH_PULSES = 1_000;
const BATCHES = sized(1_000, 20);
/** Batches of a commit. A window has all of them: 5 s at 200,000 pulses/s. */
const BATCHES_A_COMMIT = 10;
const T0 = 1_700_000_000_000;
const WINDOW_MS = 5_000;
/** The first window of a kernel meets all keys for the first time, and is not measured. */
const WINDOWS = 2;
const LOADS = [
  { tenants: sized(1_000, 10), skus: 50 },
  { tenants: sized(100_000, 100), skus: 1 },
];

const random = createSimRandom(1);
const options: IngestKernelOptions = {
  source: { topic: 'source.pulses', incarnation: '0'.repeat(32) },
  resume: { readFrom: 0, groupedOffset: 0, summedOffset: 0 },
  limits: { commitBytes: 6 * 1024 * 1024, deltaRowsMax: 16_384, openKeysMax: 2_000_000 },
};

const kernels = {
  definition: () => createDefinitionKernel(options),
  wasm: () => new WasmKernel({ ...options, random }),
};

/** Takes all pulses of the pool, once a window; answers CPU microseconds a pulse of the last one. */
function run(
  kernel: IngestKernel,
  pool: PulsePool,
  events: readonly SourceRecords[],
): { micros: number; bytes: number; window: OpenWindow } {
  const { bindings, batch, delta } = kernel;
  const keySpace = new KeySpace({ bindings, openKeysMax: options.limits.openKeysMax, random });
  const target = Buffer.alloc(options.limits.commitBytes);
  const total = createAmount();
  let bytes = 0;
  const flushDelta = (): void => {
    for (let row = 0; row < delta.length; row += 1) addAmountAt(total, 0, delta.limbs, 4 * row);
    delta.clear();
  };
  const flushBatch = (window: OpenWindow): void => {
    bytes += batch.finish(window.tenants, target).grouped?.payload.byteLength ?? 0;
  };
  let before = process.cpuUsage();
  let window: OpenWindow | undefined;
  for (let number = 0; number < WINDOWS; number += 1) {
    before = process.cpuUsage();
    const [startMs, fromOffset] = [T0 + number * WINDOW_MS, number * BATCHES * BATCH_PULSES];
    window = new OpenWindow({
      startMs,
      windowMs: WINDOW_MS,
      fromOffset,
      emittedKeys: 0,
      keys: keySpace.startWindow(),
    });
    kernel.startWindow(window, fromOffset);
    for (const [index, event] of events.entries()) {
      const records = { ...event, baseOffset: event.baseOffset + fromOffset, timestampMs: startMs };
      for (let at = 0; at < records.recordCount;) {
        at = kernel.take(records, at, window);
        if (delta.isFull) flushDelta();
        if (at < records.recordCount) flushBatch(window);
      }
      if (index % BATCHES_A_COMMIT === 0) flushBatch(window);
    }
    flushBatch(window);
    flushDelta();
  }
  const { user, system } = process.cpuUsage(before);
  check(formatAmount(total), exactText(pool.microsOfFirst(WINDOWS * events.length)), 'the sum');
  kernel.close();
  if (window === undefined) throw new TypeError('there is a window');
  return { micros: (user + system) / (events.length * BATCH_PULSES), bytes, window };
}

/** An engine whose window has a pulse of 12.345678 for each key. Only `sums` is called. */
function engineOf(keyCount: number): Pick<AggregationEngine, 'sums'> {
  const limbs = new Float64Array(keyCount * AMOUNT_LIMBS);
  for (let id = 0; id < keyCount; id += 1) limbs.set([0, 12, 345_678e9, 0], id * AMOUNT_LIMBS);
  const counts = new Float64Array(keyCount).fill(1);
  const timesMs = Float64Array.from(counts, (_, id) => T0 + (id % WINDOW_MS));
  return {
    sums: (_, fromId, toId) =>
      Promise.resolve({
        fromId,
        toId,
        limbs: limbs.slice(fromId * AMOUNT_LIMBS, toId * AMOUNT_LIMBS),
        counts: counts.slice(fromId, toId),
        firstSeenMs: timesMs.slice(fromId, toId),
        lastSeenMs: timesMs.slice(fromId, toId),
      }),
  };
}

/** Emits all sums of the window; answers CPU microseconds a sum. */
async function emit(window: OpenWindow): Promise<number> {
  const keyCount = window.keys.size;
  const engine = engineOf(keyCount) as AggregationEngine;
  let lines = 0;
  const before = process.cpuUsage();
  const emission = emitWindow(engine, options.source, window, limitsOf(), ({ aggregated }) => {
    for (const count of aggregated?.counts ?? []) lines += count;
    return Promise.resolve();
  });
  while ((await emission.next()).done !== true);
  const { user, system } = process.cpuUsage(before);
  check(lines, keyCount, 'the number of sums');
  return (user + system) / keyCount;
}

function exactText(micros: bigint): string {
  const digits = String(micros < 0n ? -micros : micros).padStart(7, '0');
  return `${micros < 0n ? '-' : ''}${`${digits.slice(0, -6)}.${digits.slice(-6)}`.replace(/\.?0+$/, '')}`;
}

/** The pool's batches as a connector gives them. */
function eventsOf(pool: PulsePool): SourceRecords[] {
  return pool.batches.map(({ payload, recordCount }, index) => {
    const ends = new Int32Array(recordCount);
    let end = -1;
    for (let line = 0; line < recordCount; line += 1) ends[line] = end = payload.indexOf(10, end + 1);
    return {
      kind: 'records',
      baseOffset: index * BATCH_PULSES,
      recordCount,
      timestampMs: T0,
      bytes: payload,
      start: 0,
      ends,
      gap: 1,
    };
  });
}

const median = (values: readonly number[]): number =>
  [...values].sort((left, right) => left - right)[values.length >> 1] ?? NaN;
const rounded = (value: number): number => Math.round(value * 1000) / 1000;

for (const { tenants, skus } of LOADS) {
  const pool = createPulsePool({ tenants, skus, batchCount: BATCHES, batchPulses: BATCH_PULSES });
  const events = eventsOf(pool);
  const micros: Record<keyof typeof kernels | 'sum', number[]> = { definition: [], wasm: [], sum: [] };
  let bytes: number | undefined;
  // The first turn of each warms up.
  for (let turn = 0; turn <= TURNS; turn += 1)
    for (const name of ['definition', 'wasm'] as const) {
      const result = run(kernels[name](), pool, events);
      bytes ??= result.bytes;
      check(result.bytes, bytes, 'the number of bytes');
      const sumMicros = await emit(result.window);
      if (turn === 0) continue;
      micros[name].push(result.micros);
      micros.sum.push(sumMicros);
    }
  const [definition, wasm] = [median(micros.definition), median(micros.wasm)];
  console.log(
    JSON.stringify({
      bench: 'ingest-kernel',
      tenants,
      skus,
      pulses: BATCHES * BATCH_PULSES,
      definition_us: rounded(definition),
      wasm_us: rounded(wasm),
      ratio: rounded(wasm / definition),
      sum_us: rounded(median(micros.sum)),
      machine: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`,
      smoke: isSmoke,
    }),
  );
}
