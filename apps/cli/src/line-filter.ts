// Which messages of a topic `cat` prints: those of a tenant, a SKU, and a time.

import { forEachMessage, type StoredBatch } from '@pulses/connector-api';
import { topicKindOf } from '@pulses/shared-pulse-model';
import { optional, textKind } from '@pulses/shared-settings';
import { timeKind } from './time-kind';

export const filterSettings = {
  tenant: optional(textKind, { flag: 'tenant', description: 'Only messages of this tenant.' }),
  sku: optional(textKind, { flag: 'sku', description: 'Only messages of this SKU.' }),
  until: optional(timeKind, {
    flag: 'until',
    description: 'Only messages before this time: that of the broker in a source, that of the line elsewhere.',
  }),
  through: optional(timeKind, { flag: 'through', description: 'Like --until, with messages of this time too.' }),
};

export interface LineSelection {
  readonly tenant?: string | undefined;
  readonly sku?: string | undefined;
  readonly until?: number | undefined;
  readonly through?: number | undefined;
}

/** Chooses the lines of a batch, byte for byte, in order. */
export type LineFilter = (batch: StoredBatch) => Buffer[];

/** Undefined when every line is chosen. */
export function lineFilterOf(topic: string, selection: LineSelection): LineFilter | undefined {
  const { tenant, sku, until = Infinity, through = Infinity } = selection;
  if (
    Object.values({ tenant, sku, until: selection.until, through: selection.through }).every((one) => one === undefined)
  )
    return undefined;
  const isSource = topicKindOf(topic) === 'source';
  const isChosen = (line: string, timestampMs: number): boolean => {
    const members = membersOf(line);
    const time = isSource ? Math.floor(timestampMs / 1000) : Number(members?.['timestamp']);
    return (
      members !== undefined &&
      (tenant === undefined || members['tenant_id'] === tenant) &&
      (sku === undefined || members['product_sku'] === sku) &&
      time < until &&
      time <= through
    );
  };
  return ({ payload, ends, timestampMs }) => {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    const chosen: Buffer[] = [];
    forEachMessage({ payload: bytes, ends }, (start, end) => {
      if (isChosen(bytes.toString('utf8', start, end), timestampMs)) chosen.push(bytes.subarray(start, end + 1));
    });
    return chosen;
  };
}

/** The members of a JSON object; undefined for any other line. */
function membersOf(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
