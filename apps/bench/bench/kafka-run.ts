// A source on Kafka that is filled beforehand, and how fast a program turns it into readable lines and sums.
//
// Guarantees: an outside reader (kcat, read_committed) tells when all is out, and what it holds.

import { check, until, type PulsePool } from '@pulses/testing-benches';
import { eachRecord, followTopic, untilReadable, writeLines, writeStream } from '@pulses/testing-services';
import { exactUnits, numberText } from '@pulses/testing-system';
import type { KafkaPlaces } from '../peers/kafka-streams';

const WINDOW_MS = 5_000;
const CLOSING_TENANT = '"tenant_id":"closing"';
const CLOSING = `{${CLOSING_TENANT},"product_sku":"s","used_ammount":0,"use_unity":"h"}`;
/** The exact value of a millionth, in the oracle's 10^-30. */
const UNITS_A_MICRO = 10n ** 24n;

export interface FilledSource {
  /** Pulses of closed windows. */
  readonly pulses: number;
  /** Pulses behind them. */
  readonly closing: number;
  readonly units: bigint;
}

/** Writes the first `batches` of a pool, keyed by tenant, and one pulse a partition in a later window, which closes theirs. */
export async function fillSource(
  places: KafkaPlaces,
  pool: PulsePool,
  batches: number,
  partitions = 1,
): Promise<FilledSource> {
  const keyed = pool.batches.map(({ payload }) => keyedText(payload));
  const pieces = function* () {
    for (let index = 0; index < batches; index += 1) yield keyed[index % keyed.length] ?? '';
  };
  const place = { brokers: places.brokers, topic: places.source };
  await writeStream(place, true, pieces());
  const filledMs = Date.now();
  await until(() => Math.floor(Date.now() / WINDOW_MS) > Math.floor(filledMs / WINDOW_MS));
  for (let partition = 0; partition < partitions; partition += 1) await writeLines({ ...place, partition }, [CLOSING]);
  const pulses = batches * (pool.batches[0]?.recordCount ?? 0);
  return { pulses, closing: partitions, units: pool.microsOfFirst(batches) * UNITS_A_MICRO };
}

/** Lines with their tenant as the key. */
export function keyedText(payload: Buffer): string {
  return payload.toString('latin1').replaceAll(/^\{"tenant_id":"([^"]+)"/gm, '$1\t$&');
}

/**
 * Starts a program on a filled source, and measures from its first readable line to its last, when all sums are readable
 * too. The start of a process is left out.
 *
 * @returns pulses a second
 */
export async function measureDrain(
  places: KafkaPlaces,
  filled: FilledSource,
  start: () => Promise<() => Promise<void>>,
): Promise<number> {
  const { brokers } = places;
  const { pulses, closing } = filled;
  let firstMs = NaN;
  const first = untilReadable({ brokers, topic: places.grouped }, 1).then(() => (firstMs = performance.now()));
  const last = untilReadable({ brokers, topic: places.grouped }, pulses + closing);
  let summed = 0;
  const stopReader = await followTopic({ brokers, topic: places.sums }, ({ value }) => {
    summed += pulsesIn(value?.toString() ?? '');
  });
  const stop = await start();
  try {
    await Promise.all([first, last, until(() => summed >= pulses)]);
    const seconds = (performance.now() - firstMs) / 1000;
    await checkOutputs(places, filled);
    return pulses / seconds;
  } finally {
    await stop();
    await stopReader();
  }
}

/** Compares every line and sum. @throws Error when a pulse is lost, doubled or changed */
async function checkOutputs({ brokers, grouped, sums }: KafkaPlaces, expected: FilledSource): Promise<void> {
  /** By source partition: offsets have gaps, but no two lines share one. */
  const seen = new Set<string>();
  let [lines, units] = [0, 0n];
  await eachRecord({ brokers, topic: grouped }, ({ value }) => {
    const line = value?.toString() ?? '';
    lines += 1;
    seen.add(`${/"source_partition":\d+/.exec(line)?.[0] ?? ''} ${numberText(line, 'source_offset')}`);
    units += exactUnits(numberText(line, 'used_amount'));
  });
  check(lines, expected.pulses + expected.closing, 'the count of grouped lines');
  check(seen.size, lines, 'the count of offsets in grouped lines');
  check(units, expected.units, 'the sum of grouped lines, in 10^-30,');
  const total = { pulses: 0, units: 0n };
  await eachRecord({ brokers, topic: sums }, ({ value }) => {
    const line = value?.toString() ?? '';
    total.pulses += pulsesIn(line);
    total.units += exactUnits(numberText(line, 'total_amount'));
  });
  check(total.pulses, expected.pulses, 'the count of pulses in window sums');
  check(total.units, expected.units, 'the sum of all windows, in 10^-30,');
}

/** Pulses that a sum counts, without what closes the windows. */
const pulsesIn = (line: string): number =>
  line.includes(CLOSING_TENANT) ? 0 : Number(numberText(line, 'pulse_count'));
