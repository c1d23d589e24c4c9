// What the last message of a position subject says: the group's positions on a source, and which member is active.
//
//   {"version":1,
//    "source":{"stream":…,"incarnation":…},         positions of another incarnation do not count
//    "positions":{"grouped":{"offset":…,"metadata":…},…},
//    "clock":{"offset":…,"ms":…,"held":[[from,to,ms],…]},       see log-time.ts
//    "member":…,"lease_ms":…,                       an empty member: the last one left
//    "journal":{"first":…,"count":…,"done":…,"positions":{…}}}  while a commit of several batches is under way
//
// Guarantees: a record that is not of this form is refused, never taken for an empty one.

import type { Position } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { z } from 'zod';

const offset = z.int().nonnegative();
const positions = z.record(z.string(), z.strictObject({ offset, metadata: z.string() }));

const recordSchema = z.strictObject({
  version: z.literal(1),
  source: z.strictObject({ stream: z.string(), incarnation: z.string().regex(/^[0-9a-f]{32}$/) }),
  positions,
  clock: z.strictObject({
    offset,
    ms: offset,
    held: z.array(z.tuple([offset, offset, offset])),
  }),
  member: z.string(),
  lease_ms: z.int().positive(),
  journal: z.strictObject({ first: offset, count: z.int().positive(), done: offset, positions }).optional(),
});

export type PositionRecord = z.infer<typeof recordSchema>;
export type JournalState = NonNullable<PositionRecord['journal']>;
export type ClockState = PositionRecord['clock'];

export function encodeRecord(record: PositionRecord): Uint8Array {
  return Buffer.from(JSON.stringify(record));
}

/** @throws PulsesError PROTOCOL_VIOLATION when the message is not ours */
export function decodeRecord(bytes: Uint8Array, subject: string): PositionRecord {
  try {
    return recordSchema.parse(JSON.parse(Buffer.from(bytes).toString()));
  } catch (error) {
    throw new PulsesError('PROTOCOL_VIOLATION', `the last message of ${subject} is no position of this version`, {
      cause: error,
    });
  }
}

export function positionsOf(record: PositionRecord): Map<string, Position> {
  return new Map(Object.entries(record.positions));
}
