// Reading output topics that tell the replay nothing, so that it can be done elsewhere.

import type { TopicInfo } from '@pulses/broker-wire';
import type { BrokerReader } from '@pulses/broker-client';
import { createOutputReading, type TopicReading } from './output-reading';
import type { ComparedLines } from '../compare/scope';

/**
 * Reads the topics.
 *
 * @param onRead called now and then with the count of messages read so far
 */
export type Skim = (
  compared: ComparedLines,
  topics: readonly TopicInfo[],
  onRead: (messages: number) => void,
) => Promise<readonly TopicReading[]>;

/** A Skim over these connections. @throws PulsesError of the connections */
export function skimOver(clients: readonly BrokerReader[]): Skim {
  return async (compared, topics, onRead) => {
    const outputs = createOutputReading(clients, compared);
    await outputs.read(topics, 'skimming', () => {
      onRead(outputs.readCount);
    });
    return [...outputs.topics.values()];
  };
}
