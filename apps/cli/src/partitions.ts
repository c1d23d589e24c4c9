// Which partitions of a topic a command works on.

import type { PartitionInfo, PositionName } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { integerKind, optional } from '@pulses/shared-settings';

export const partitionSettings = {
  partition: optional(integerKind({ min: 0, max: 0x7fff_ffff }), {
    flag: 'partition',
    description: 'Number of the partition, on a system whose topics have several.',
  }),
};

export interface PartitionChoice {
  /** Undefined for all. */
  readonly partition?: number | undefined;
  /** Offsets that the user gave: they mean something in one partition only. */
  readonly offsets: Readonly<Record<'from' | 'to', number | undefined>>;
}

/** @throws PulsesError CONFIG_INVALID when there is no such partition, or an offset is given for several */
export function chosenPartitions(
  partitions: readonly PartitionInfo[],
  { partition, offsets }: PartitionChoice,
): readonly PartitionInfo[] {
  const chosen = partition === undefined ? partitions : partitions.filter((info) => info.partition === partition);
  const numbers = partitions.map((info) => info.partition ?? 'none').join(', ');
  if (chosen.length === 0 && partitions.length > 0)
    throw new PulsesError('CONFIG_INVALID', `--partition: '${partition}' is not valid: one of ${numbers}`);
  if (chosen.length > 1)
    for (const [flag, offset] of Object.entries(offsets))
      if (offset !== undefined)
        throw new PulsesError(
          'CONFIG_INVALID',
          `--${flag}: '${offset}' is not valid: an offset is of one partition; add --partition, one of ${numbers}`,
        );
  return chosen;
}

/** Of a position that does not exist. */
export function noPosition({ group, topic, partition, name }: PositionName): PulsesError {
  const where = partition === undefined ? topic : `partition ${partition} of ${topic}`;
  return new PulsesError('CONFIG_INVALID', `NAME: '${name}' is not valid: ${group} has no such position on ${where}`);
}
