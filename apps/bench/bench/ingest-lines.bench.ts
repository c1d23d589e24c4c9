// How many pulses a second become durable grouped lines, from a client of the line protocol?
//
// The bench checks that every pulse is in one window sum, and that the sums are exact.

import { createPulsePool, isSmoke, jsonParseBaseline, report, sized } from '@pulses/testing-benches';
import { once } from 'node:events';
import { connect } from 'node:net';
import { CHECKED, UNITS_A_MICRO, withBenchSystem } from './bench-system';

const BATCH_PULSES = 1_000;
const BATCHES = Math.ceil(sized(6_000_000, 20_000, 'BENCH_PULSES') / BATCH_PULSES);
const PULSES = BATCHES * BATCH_PULSES;
const TENANTS = sized(1_000, 20);
const SKUS = 50;
const WINDOW = isSmoke ? '1s' : '5s';

const pool = createPulsePool({ tenants: TENANTS, skus: SKUS, batchCount: sized(200, 20), batchPulses: BATCH_PULSES });

await withBenchSystem([`--flush-interval=${WINDOW}`], async (bench) => {
  const socket = connect(bench.system.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.resume();
  const start = performance.now();
  socket.write('sink-connector_source.pulses\n');
  for (let index = 0; index < BATCHES; index += 1)
    if (!socket.write(pool.at(index).payload)) await once(socket, 'drain');
  const closed = once(socket, 'close');
  socket.end();
  await bench.untilGrouped(PULSES);
  const seconds = (performance.now() - start) / 1000;
  await closed;
  const commit = await bench.commitPercentilesMs();
  await bench.checkOutputs({ pulses: PULSES, units: pool.microsOfFirst(BATCHES) * UNITS_A_MICRO });

  const baseline = jsonParseBaseline(pool.batches);
  const rate = PULSES / seconds;
  report('ingest-lines', { pulses: PULSES, tenants: TENANTS, skus: SKUS, window: WINDOW }, [
    {
      question: 'the same over the line protocol',
      rate,
      latency: { of: 'commit, at most', p50Ms: commit.p50, p99Ms: commit.p99 },
      targets: [{ about: 'rate', atLeast: 500_000 }],
      baseline: baseline(rate),
      checked: CHECKED.replace('acknowledged', 'sent'),
    },
  ]);
});
