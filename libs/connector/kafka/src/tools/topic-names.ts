// Which topic of Kafka a logical name stands for, and which of its records.
//
//   tenants.<tenant>.grouped.pulses              the shared topic of grouped lines, key <tenant>
//   tenants.<tenant>.aggregated.pulses.amount    the shared topic of sums, key <tenant>
//   any other name                               the topic of that name, all records

import { encodeTenant } from '@pulses/shared-pulse-model';
import { tenantKey } from '../output/tenant-keys';

/** The names of the topics that all tenants share. */
export interface SharedTopics {
  readonly grouped: string;
  readonly aggregated: string;
}

export interface PhysicalTopic {
  readonly topic: string;
  /** Only records with this key; undefined for all. */
  readonly key: Buffer | undefined;
}

const GROUPED = /^tenants\.([^.]+)\.grouped\.pulses$/;
const AGGREGATED = /^tenants\.([^.]+)\.aggregated\.pulses\.amount$/;

export function physicalTopic(name: string, { grouped, aggregated }: SharedTopics): PhysicalTopic {
  const [, ofGrouped] = GROUPED.exec(name) ?? [];
  if (ofGrouped !== undefined) return { topic: grouped, key: tenantKey(ofGrouped) };
  const [, ofAggregated] = AGGREGATED.exec(name) ?? [];
  if (ofAggregated !== undefined) return { topic: aggregated, key: tenantKey(ofAggregated) };
  return { topic: name, key: undefined };
}

/** The tenant of a record's key, as it stands in topic names. */
export function encodedKey(key: Buffer): string {
  const text = key.toString('latin1');
  return /^sha256=[0-9a-f]{64}$/.test(text) ? text : encodeTenant(key);
}
