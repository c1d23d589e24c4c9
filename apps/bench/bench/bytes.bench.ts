// How many bytes does the broker store and write for each byte of source and outputs?
//
// Stored is what the files of the data directory occupy once all full segments are sealed: the newest part of the journal
// is stored twice. Written is what the broker wrote to files until then, in whole blocks of 4 KiB, as it counts it. The kernel's
// figure for the process is beside it: it counts whole folios, of which the disk gets the blocks that have changed. The bench
// checks that every pulse is in one window sum, and that the sums are exact.

import { createPulsePool, isSmoke, report, sized, storedBytes, writtenBytes } from '@pulses/testing-benches';
import { CHECKED, UNITS_A_MICRO, withBenchSystem } from './bench-system';

const BATCH_PULSES = 1_000;
const BATCHES = Math.ceil(sized(10_000_000, 50_000, 'BENCH_PULSES') / BATCH_PULSES);
const PULSES = BATCHES * BATCH_PULSES;
const TENANTS = sized(1_000, 20);
const SKUS = 50;
const WINDOW = isSmoke ? '1s' : '5s';
/** In smoke size, some segments must be full as well. */
const BROKER_ARGS = isSmoke ? ['--segment-bytes=1MiB'] : [];
const STORED_MAX = 1.1;
const WRITTEN_MAX = 2.2;

const pool = createPulsePool({ tenants: TENANTS, skus: SKUS, batchCount: sized(200, 20), batchPulses: BATCH_PULSES });

await withBenchSystem({ window: WINDOW, brokerArgs: BROKER_ARGS }, async (bench) => {
  await bench.publish(pool, BATCHES);
  await bench.untilGrouped(PULSES);
  await bench.untilClosed(PULSES);
  await bench.untilSealed();
  const [stored, accounted] = [storedBytes(bench.system.dataDir), writtenBytes(bench.system.broker.pid)];
  const written = await bench.brokerMetric('pulses_disk_written_bytes_total');
  const payload = await bench.payloadBytes();
  await bench.checkOutputs({ pulses: PULSES, units: pool.microsOfFirst(BATCHES) * UNITS_A_MICRO });

  const detail = `${(payload / PULSES).toFixed(0)} bytes of payload a pulse, ${(payload / 1e9).toFixed(2)} GB in all`;
  report('bytes', { pulses: PULSES, tenants: TENANTS, skus: SKUS, window: WINDOW }, [
    {
      question: 'bytes stored ÷ payload of source and outputs',
      figure: { value: stored / payload, unit: '×' },
      detail,
      targets: [{ about: 'figure', atMost: STORED_MAX }],
      checked: CHECKED,
    },
    {
      question: 'bytes written ÷ payload of source and outputs',
      figure: { value: written / payload, unit: '×' },
      detail: `${detail}; the kernel accounts ${(accounted / payload).toFixed(2)} × to the process`,
      targets: [{ about: 'figure', atMost: WRITTEN_MAX }],
      checked: CHECKED,
    },
  ]);
});
