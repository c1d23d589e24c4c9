// The dead letters of a source, in order.

import { linesOf, type PartitionInfo, type TopicReader } from '@pulses/connector-api';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import { DEAD_LETTER_REASONS, deadLetterTopic, parseDeadLetter } from '@pulses/shared-pulse-model';
import { choiceKind, integerKind, optional, textSetting } from '@pulses/shared-settings';
import { findPartitions } from '../connector-access';
import { chosenPartitions, partitionSettings } from '../partitions';

const AHEAD_BYTES = 8 * 1024 * 1024;
const offsetKind = integerKind({ min: 0, max: Number.MAX_SAFE_INTEGER });

/** The settings that choose dead letters. */
export const letterSettings = {
  sourceTopic: textSetting({ flag: 'source-topic', default: 'source.pulses', description: 'Topic of the pulses.' }),
  from: optional(offsetKind, { flag: 'from', description: 'Offset of the first dead letter.' }),
  to: optional(offsetKind, { flag: 'to', description: 'Offset after the last dead letter.' }),
  ...partitionSettings,
  reason: optional(choiceKind(DEAD_LETTER_REASONS), {
    flag: 'reason',
    description: 'Only dead letters of this reason.',
  }),
};

export interface LetterSelection {
  readonly sourceTopic: string;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly partition?: number | undefined;
  readonly reason?: string | undefined;
}

export interface Letter {
  /** Partition of the dead-letter topic; undefined on a system without. */
  readonly partition: number | undefined;
  /** Offset in the dead-letter topic. */
  readonly offset: number;
  readonly sourceOffset: number;
  /** Partition of the source; undefined for a source without. */
  readonly sourcePartition: number | undefined;
  readonly reason: string;
  readonly detail: string;
  /** Unix seconds. */
  readonly timestampS: number;
  /** The bytes of the refused message. */
  readonly raw: Buffer;
}

/**
 * The partitions of the source's dead-letter topic that are chosen; none when no message was ever refused.
 * @throws PulsesError TOPIC_UNKNOWN when there is no source; CONFIG_INVALID
 */
export async function findLetters(topics: TopicReader, selection: LetterSelection): Promise<readonly PartitionInfo[]> {
  const { sourceTopic, partition, from, to } = selection;
  await findPartitions(topics, sourceTopic);
  const partitions = await topics.partitions(deadLetterTopic(sourceTopic));
  return chosenPartitions(partitions, { partition, offsets: { from, to } });
}

/** The letters of a partition that are chosen, some at a time. @throws PulsesError OUTPUT_INVALID for a line that is no dead letter, and the stream's */
export async function* readLetters(
  topics: Pick<TopicReader, 'read'>,
  info: PartitionInfo,
  { from = 0, to = Infinity, reason }: LetterSelection,
): AsyncGenerator<Letter[], void, undefined> {
  const range = {
    fromOffset: Math.max(from, info.startOffset),
    untilOffset: Math.min(to, info.nextOffset),
    aheadBytes: AHEAD_BYTES,
  };
  if (range.fromOffset >= range.untilOffset) return;
  for await (const batches of topics.read(info, range))
    for (const batch of batches) {
      const letters = linesOf(batch).map((line, index) => letterOf(line, info, batch.baseOffset + index));
      yield letters.filter((letter) => reason === undefined || letter.reason === reason);
    }
}

function letterOf(line: string, { topic, partition }: PartitionInfo, offset: number): Letter {
  try {
    const letter = parseDeadLetter(line);
    const { source_offset: sourceOffset, source_partition: sourcePartition, reason, detail, timestamp } = letter;
    const raw = Buffer.from(letter.raw, 'base64');
    return { partition, offset, sourceOffset, sourcePartition, reason, detail, timestampS: timestamp, raw };
  } catch (error) {
    if (!isPulsesError(error)) throw error;
    throw new PulsesError(error.code, `${topic}, offset ${offset}: ${error.message}`, { cause: error });
  }
}
