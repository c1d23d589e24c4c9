// The pipeline's positions on one partition, as the one offset that a consumer group commits for it.
//
// The committed offset is the lowest position: everything below is no longer needed, which is what tools that show lag or
// delete records take it for. The positions themselves, and the log's clock, are its metadata: JSON of at most
// `METADATA_BYTES_MAX` bytes, Kafka's own limit (`offset.metadata.max.bytes`).
//
//   {"pulses":1,"source":"<incarnation>","positions":{"<name>":[offset,"metadata"]},"clock":[offset,ms],"late":[[from,to,ms]],
//    "mended":true}
//
// Guarantees: what is read is what was written, or it is refused. A position on a topic of the same name that was deleted
// is none.

import type { Position } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { z } from 'zod';
import type { StoredOffset } from '../protocol/offset-requests';
import { NO_CLOCK, type ClockState } from './source-clock';

const METADATA_BYTES_MAX = 4_096;

export interface StoredPosition {
  readonly positions: ReadonlyMap<string, Position>;
  readonly clock: ClockState;
  /** Tools have made it in place of one that was lost: a name that it lacks starts at its lowest offset. */
  readonly isMended?: boolean;
}

/** Of a group that starts at the first message. */
export const NOTHING_READ: StoredPosition = { positions: new Map(), clock: NO_CLOCK };

const offset = z.int().nonnegative();
const metadataSchema = z.strictObject({
  pulses: z.literal(1),
  source: z.string(),
  positions: z.record(z.string(), z.tuple([offset, z.string()])),
  clock: z.tuple([offset, z.int()]),
  late: z.array(z.tuple([offset, offset, z.int()])).optional(),
  mended: z.literal(true).optional(),
});

/** @throws PulsesError MESSAGE_TOO_LARGE when Kafka would not take it */
export function encodePosition(incarnation: string, { positions, clock, isMended }: StoredPosition): StoredOffset {
  const metadata = JSON.stringify({
    pulses: 1,
    source: incarnation,
    positions: Object.fromEntries(
      [...positions].map(([name, position]) => [name, [position.offset, position.metadata]]),
    ),
    clock: [clock.offset, clock.clockMs],
    ...(clock.late.length === 0 ? {} : { late: clock.late.map(({ from, to, clockMs }) => [from, to, clockMs]) }),
    ...(isMended === true && positions.size > 0 ? { mended: true as const } : {}),
  } satisfies z.input<typeof metadataSchema>);
  const bytes = Buffer.byteLength(metadata);
  if (bytes > METADATA_BYTES_MAX)
    throw new PulsesError(
      'MESSAGE_TOO_LARGE',
      `the positions are ${bytes} bytes of metadata; a group's offset has room for ${METADATA_BYTES_MAX}`,
    );
  return { offset: positions.size === 0 ? 0 : lowestOffset(positions), metadata };
}

/** @param positions at least one */
export function lowestOffset(positions: ReadonlyMap<string, Position>): number {
  return Math.min(...[...positions.values()].map((position) => position.offset));
}

/**
 * What `encodePosition` wrote; undefined for a topic that was deleted since, and for nothing.
 * @param where names group and partition, for the message
 * @throws PulsesError LOG_UNSUITABLE when something else has written it
 */
export function decodePosition(
  stored: StoredOffset | undefined,
  incarnation: string,
  where: string,
): StoredPosition | undefined {
  if (stored === undefined) return undefined;
  const parsed = metadataSchema.safeParse(jsonOf(stored.metadata));
  if (!parsed.success)
    throw new PulsesError(
      'LOG_UNSUITABLE',
      `${where} is at ${stored.offset}, and another program has stored it; ` +
        'delete the group to start at the first message, or use a group of its own',
    );
  const { source, positions, clock, late = [], mended } = parsed.data;
  if (source !== incarnation) return undefined;
  return {
    positions: new Map(
      Object.entries(positions).map(([name, [at, metadata]]) => [name, { offset: at, metadata }] as const),
    ),
    clock: { offset: clock[0], clockMs: clock[1], late: late.map(([from, to, clockMs]) => ({ from, to, clockMs })) },
    ...(mended === undefined ? {} : { isMended: mended }),
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
