// The dead letters of a source, in order.

import { findTopic, linesOf, readBatches, type BrokerReader } from '@pulses/broker-client';
import type { TopicInfo } from '@pulses/broker-wire';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import { DEAD_LETTER_REASONS, deadLetterTopic, parseDeadLetter } from '@pulses/shared-pulse-model';
import { choiceKind, integerKind, optional, textSetting } from '@pulses/shared-settings';

const CREDIT_BYTES = 8 * 1024 * 1024;
const offsetKind = integerKind({ min: 0, max: Number.MAX_SAFE_INTEGER });

/** The settings that choose dead letters. */
export const letterSettings = {
  sourceTopic: textSetting({ flag: 'source-topic', default: 'source.pulses', description: 'Topic of the pulses.' }),
  from: optional(offsetKind, { flag: 'from', description: 'Offset of the first dead letter.' }),
  to: optional(offsetKind, { flag: 'to', description: 'Offset after the last dead letter.' }),
  reason: optional(choiceKind(DEAD_LETTER_REASONS), {
    flag: 'reason',
    description: 'Only dead letters of this reason.',
  }),
};

export interface LetterSelection {
  readonly sourceTopic: string;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly reason?: string | undefined;
}

export interface Letter {
  /** Offset in the dead-letter topic. */
  readonly offset: number;
  readonly sourceOffset: number;
  readonly reason: string;
  readonly detail: string;
  /** Unix seconds. */
  readonly timestampS: number;
  /** The bytes of the refused message. */
  readonly raw: Buffer;
}

/** The dead-letter topic of the source; undefined when no message was ever refused. @throws PulsesError TOPIC_UNKNOWN when there is no source */
export async function findLetters(client: BrokerReader, sourceTopic: string): Promise<TopicInfo | undefined> {
  await findTopic(client, sourceTopic);
  const topic = deadLetterTopic(sourceTopic);
  return (await client.listTopics(topic)).find((info) => info.topic === topic);
}

/** The letters chosen, some at a time. @throws PulsesError OUTPUT_INVALID for a line that is no dead letter, and the stream's */
export async function* readLetters(
  client: BrokerReader,
  { topic, incarnation, startOffset, nextOffset }: TopicInfo,
  { from = 0, to = Infinity, reason }: LetterSelection,
): AsyncGenerator<Letter[], void, undefined> {
  const range = {
    topic,
    incarnation,
    fromOffset: Math.max(from, startOffset),
    untilOffset: Math.min(to, nextOffset),
    creditBytes: CREDIT_BYTES,
  };
  for await (const batches of readBatches(client, range))
    for (const batch of batches) {
      const letters = linesOf(batch).map((line, index) => letterOf(line, topic, batch.baseOffset + index));
      yield letters.filter((letter) => reason === undefined || letter.reason === reason);
    }
}

function letterOf(line: string, topic: string, offset: number): Letter {
  try {
    const { source_offset: sourceOffset, reason, detail, raw, timestamp: timestampS } = parseDeadLetter(line);
    return { offset, sourceOffset, reason, detail, timestampS, raw: Buffer.from(raw, 'base64') };
  } catch (error) {
    if (!isPulsesError(error)) throw error;
    throw new PulsesError(error.code, `${topic}, offset ${offset}: ${error.message}`, { cause: error });
  }
}
