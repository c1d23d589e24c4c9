// What an ingestor must have written to Kafka for a source, worked out the slow and obvious way from the source's own records.
//
// It finds a missing, doubled, reordered or changed grouped line or dead letter; a window's sum that is lost, split,
// written twice or not exact; a line under the wrong key or of the wrong partition.

import { exactUnits, numberText } from './oracle';

const DIFFERENCES_TOLD = 20;
const TICK_HEADER = 'pulses-tick';

/** A record as an outside reader sees it. */
export interface ReadRecord {
  readonly partition: number;
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Unix milliseconds. */
  readonly timestamp: number;
  readonly headers: string;
}

export interface KafkaOutputs {
  readonly source: readonly ReadRecord[];
  readonly grouped: readonly ReadRecord[];
  readonly aggregated: readonly ReadRecord[];
  readonly deadLetters: readonly ReadRecord[];
}

interface ExpectedSum {
  units: bigint;
  count: number;
  from: number;
  to: number;
}

export interface Expected {
  /** By `partition offset`. */
  readonly grouped: ReadonlyMap<string, { readonly key: string; readonly units: bigint; readonly timestampS: number }>;
  readonly deadLetters: ReadonlyMap<string, string>;
  /** By partition, window, tenant, SKU and unit. */
  readonly sums: ReadonlyMap<string, ExpectedSum>;
  /** Pulses, which each window sum counts once. */
  readonly pulses: number;
}

type Fields = Readonly<Record<string, string>>;

/** The outputs of a source; its ticks are no messages. Log time never steps back within a partition. */
export function expectedOf(source: readonly ReadRecord[], windowMs: number): Expected {
  const grouped = new Map<string, { key: string; units: bigint; timestampS: number }>();
  const deadLetters = new Map<string, string>();
  const sums = new Map<string, ExpectedSum>();
  const clocks = new Map<number, number>();
  for (const { partition, offset, value, timestamp, headers } of inOrder(source)) {
    if (headers.startsWith(TICK_HEADER)) continue;
    const clock = Math.max(clocks.get(partition) ?? 0, timestamp);
    clocks.set(partition, clock);
    const [place, line] = [`${partition} ${offset}`, value?.toString() ?? ''];
    if (!line.startsWith('{')) {
      deadLetters.set(place, line);
      continue;
    }
    const { tenant_id, product_sku, use_unity } = JSON.parse(line) as Fields;
    const [key, units] = [[tenant_id, product_sku, use_unity], exactUnits(numberText(line, 'used_ammount'))];
    grouped.set(place, { key: JSON.stringify(key), units, timestampS: Math.floor(clock / 1_000) });
    const sumKey = JSON.stringify([partition, Math.floor(clock / windowMs) * windowMs, ...key]);
    const sum = sums.get(sumKey) ?? { units: 0n, count: 0, from: offset, to: offset };
    sums.set(sumKey, { ...sum, units: sum.units + units, count: sum.count + 1, to: offset });
  }
  return { grouped, deadLetters, sums, pulses: grouped.size };
}

/** What is wrong, the first of it; empty when nothing is. */
export function differencesOf(outputs: KafkaOutputs, windowMs: number): string[] {
  const expected = expectedOf(outputs.source, windowMs);
  const differences = [
    ...groupedDifferences(outputs.grouped, expected),
    ...letterDifferences(outputs.deadLetters, expected),
    ...sumDifferences(outputs.aggregated, expected),
    ...idDifferences('grouped', outputs.grouped),
    ...idDifferences('aggregated', outputs.aggregated),
  ];
  return differences.slice(0, DIFFERENCES_TOLD);
}

function* groupedDifferences(records: readonly ReadRecord[], { grouped }: Expected): Generator<string> {
  const missing = new Set(grouped.keys());
  /** By output partition, source partition and tenant. */
  const last = new Map<string, number>();
  for (const { partition, offset, line, fields, key } of parsed(records)) {
    const at = `grouped ${partition}/${offset}`;
    const sourceOffset = Number(numberText(line, 'source_offset'));
    const place = `${fields['source_partition']} ${sourceOffset}`;
    const wanted = grouped.get(place);
    if (wanted === undefined) yield `${at}: no pulse is at ${place}`;
    else if (!missing.delete(place)) yield `${at}: a second line for ${place}`;
    const order = `${partition} ${fields['source_partition']} ${key}`;
    if (sourceOffset <= (last.get(order) ?? -1)) yield `${at}: ${place} comes after ${last.get(order)}`;
    last.set(order, sourceOffset);
    if (key !== fields['tenant_id']) yield `${at}: has the key ${key}`;
    const told = JSON.stringify([fields['tenant_id'], fields['product_sku'], fields['use_unit']]);
    if (told !== wanted?.key || exactUnits(numberText(line, 'used_amount')) !== wanted.units)
      yield `${at}: ${line} for ${wanted?.key} ${wanted?.units}`;
    if (Number(fields['timestamp']) !== wanted?.timestampS) yield `${at}: ${line} for the time ${wanted?.timestampS}`;
  }
  for (const place of missing) yield `the pulse at ${place} has no grouped line`;
}

function* letterDifferences(records: readonly ReadRecord[], { deadLetters }: Expected): Generator<string> {
  const missing = new Set(deadLetters.keys());
  for (const { partition, offset, line, fields } of parsed(records)) {
    const place = `${fields['source_partition']} ${numberText(line, 'source_offset')}`;
    const raw = Buffer.from(fields['raw'] ?? '', 'base64').toString();
    if (!missing.delete(place)) yield `dead letter ${partition}/${offset}: no or a second letter for ${place}`;
    if (raw !== deadLetters.get(place)) yield `dead letter of ${place}: ${raw} for ${deadLetters.get(place)}`;
  }
  for (const place of missing) yield `what is at ${place} has no dead letter`;
}

function* sumDifferences(records: readonly ReadRecord[], { sums }: Expected): Generator<string> {
  const missing = new Set(sums.keys());
  for (const { partition, offset, line, fields, key } of parsed(records)) {
    const { source } = fields as unknown as { source: { partition: number; from_offset: number; to_offset: number } };
    const window = [source.partition, Number(fields['window_start']) * 1_000];
    const sumKey = JSON.stringify([...window, fields['tenant_id'], fields['product_sku'], fields['use_unit']]);
    const [at, wanted] = [`aggregated ${partition}/${offset}`, sums.get(sumKey)];
    if (!missing.delete(sumKey)) yield `${at}: no or a second sum for ${sumKey}`;
    if (key !== fields['tenant_id']) yield `${at}: has the key ${key}`;
    const [units, count] = [exactUnits(numberText(line, 'total_amount')), Number(fields['pulse_count'])];
    if (units !== wanted?.units || count !== wanted.count)
      yield `${at}, ${sumKey}: ${count} pulses, ${units}, for ${wanted?.count}, ${wanted?.units}`;
    else if (source.from_offset > wanted.from || source.to_offset < wanted.to)
      yield `${at}, ${sumKey}: from ${source.from_offset} to ${source.to_offset} holds not ${wanted.from} to ${wanted.to}`;
  }
  for (const sumKey of missing) yield `no sum for ${sumKey}`;
}

function* idDifferences(name: string, records: readonly ReadRecord[]): Generator<string> {
  const ids = new Set([...parsed(records)].map(({ fields }) => fields['object_id']));
  if (ids.size !== records.length) yield `${name}: ${records.length} lines have ${ids.size} ids`;
}

function* parsed(records: readonly ReadRecord[]) {
  for (const { partition, offset, key, value } of inOrder(records)) {
    const line = value?.toString() ?? '';
    yield { partition, offset, line, key: key?.toString(), fields: JSON.parse(line) as Fields };
  }
}

const inOrder = (records: readonly ReadRecord[]) =>
  [...records].sort((left, right) => left.partition - right.partition || left.offset - right.offset);
