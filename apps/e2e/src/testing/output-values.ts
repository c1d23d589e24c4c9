// What outputs say, whichever system holds them: the values, without ids, offsets and times.
//
// Windows may be cut differently, so a key's sums are added up. Read by plain files, kcat and a NATS client: no code of Pulses.

import { until } from '@pulses/testing-processes';
import { readTopic } from '@pulses/testing-services';
import { exactUnits, numberText, type NatsLink } from '@pulses/testing-system';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KafkaTopicNames } from './kafka-system';

const FRACTION_DIGITS = 30;

/** Lines in the order of their log. */
interface OutputLines {
  readonly grouped: readonly string[];
  readonly sums: readonly string[];
  readonly letters: readonly string[];
}

export interface OutputValues {
  /** By tenant, in order: SKU, unit and the amount digit by digit. */
  readonly grouped: ReadonlyMap<string, readonly string[]>;
  /** By tenant, SKU and unit, over all windows. */
  readonly sums: ReadonlyMap<string, { readonly pulses: number; readonly units: bigint }>;
  /** Reason and bytes; the order is lost. */
  readonly letters: readonly string[];
}

type Fields = Readonly<Record<string, string>>;

/** The values of outputs that follow one another. */
export function valuesOf(...parts: readonly OutputLines[]): OutputValues {
  const grouped = new Map<string, string[]>();
  for (const line of parts.flatMap((part) => part.grouped)) {
    const { tenant_id: tenant = '', product_sku, use_unit } = JSON.parse(line) as Fields;
    const text = `${JSON.stringify([product_sku, use_unit])} ${numberText(line, 'used_amount')}`;
    const list = grouped.get(tenant);
    if (list === undefined) grouped.set(tenant, [text]);
    else list.push(text);
  }
  const sums = new Map<string, { pulses: number; units: bigint }>();
  for (const line of parts.flatMap((part) => part.sums)) {
    const { tenant_id, product_sku, use_unit } = JSON.parse(line) as Fields;
    const key = JSON.stringify([tenant_id, product_sku, use_unit]);
    const sum = sums.get(key) ?? { pulses: 0, units: 0n };
    const units = sum.units + exactUnits(numberText(line, 'total_amount'));
    sums.set(key, { pulses: sum.pulses + Number(numberText(line, 'pulse_count')), units });
  }
  const letters = parts.flatMap((part) => part.letters).map((line) => JSON.parse(line) as Fields);
  return { grouped, sums, letters: letters.map(({ reason, raw }) => `${reason} ${raw}`).sort() };
}

/** An amount in plain decimal notation. @param units of 10^-30 */
export function plainText(units: bigint): string {
  const digits = (units < 0n ? -units : units).toString().padStart(FRACTION_DIGITS + 1, '0');
  const text = `${digits.slice(0, -FRACTION_DIGITS)}.${digits.slice(-FRACTION_DIGITS)}`.replace(/\.?0+$/, '');
  return units < 0n ? `-${text}` : text;
}

/** Waits until every pulse is in a sum and everything else is a dead letter, ends the writers, and reads again. */
export async function settledOutputs(
  read: () => Promise<OutputLines>,
  source: { readonly pulses: readonly unknown[]; readonly bad: readonly unknown[] },
  endWriters: () => Promise<unknown>,
): Promise<OutputLines> {
  await until(async () => {
    const { sums, letters } = await read();
    const summed = sums.reduce((count, line) => count + Number(numberText(line, 'pulse_count')), 0);
    return summed >= source.pulses.length && letters.length >= source.bad.length;
  });
  await endWriters();
  return await read();
}

/** The broker's readable files, which trail its log until it ends. */
export async function readBrokerFiles(dataDir: string): Promise<OutputLines> {
  const topics = join(dataDir, 'topics');
  const names = await readdir(topics).catch(() => []);
  const linesOf = async (kind: string) => {
    const lines: string[] = [];
    for (const name of names.filter((topic) => topic.endsWith(kind)))
      for (const file of (await readdir(join(topics, name))).sort())
        lines.push(...(await readFile(join(topics, name, file), 'utf8')).split('\n').slice(0, -1));
    return lines;
  };
  return {
    grouped: await linesOf('.grouped.pulses'),
    sums: await linesOf('.aggregated.pulses.amount'),
    letters: await linesOf('.dead-letter'),
  };
}

/** Committed records, partition by partition. */
export async function readKafkaTopics(brokers: string, topics: KafkaTopicNames): Promise<OutputLines> {
  const linesOf = async (topic: string) => {
    const records = await readTopic({ brokers, topic });
    return records.sort((one, other) => one.partition - other.partition).map(({ value }) => String(value));
  };
  return {
    grouped: await linesOf(topics.grouped),
    sums: await linesOf(topics.aggregated),
    letters: await linesOf(topics.deadLetters),
  };
}

export async function readNatsStreams(link: NatsLink): Promise<OutputLines> {
  const linesOf = async (kind: Parameters<NatsLink['outputs']>[0]) =>
    (await link.outputs(kind)).flatMap(({ lines }) => lines);
  return {
    grouped: await linesOf('grouped.pulses'),
    sums: await linesOf('aggregated.pulses.amount'),
    letters: await linesOf('dead-letter'),
  };
}
