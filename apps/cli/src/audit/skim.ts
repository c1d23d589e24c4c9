// Reading output topics that tell the replay nothing, so that it can be done elsewhere.

import type { TopicInfo } from '@pulses/broker-wire';
import type { BrokerReader } from '../broker-access';
import { createFindings, type FindingsSummary } from './findings';
import { createOutputReading, type TopicReading } from './output-reading';
import type { ComparedLines } from './scope';

/** What was read of the topics. */
export interface Skimmed {
  readonly readings: readonly TopicReading[];
  readonly findings: FindingsSummary;
}

/** @param onRead called now and then with the count of messages read so far */
export type Skim = (compared: ComparedLines, topics: readonly TopicInfo[], onRead: (messages: number) => void) => Promise<Skimmed>;

/** A Skim over these connections. @throws PulsesError of the connections */
export async function skimTopics(
  clients: readonly BrokerReader[],
  compared: ComparedLines,
  topics: readonly TopicInfo[],
  onRead: (messages: number) => void,
): Promise<Skimmed> {
  const findings = createFindings();
  const outputs = createOutputReading(clients, compared, findings);
  await outputs.read(topics, 'skimming', () => {
    onRead(outputs.readCount);
  });
  const { count, first } = findings;
  return { readings: [...outputs.topics.values()], findings: { count, first } };
}
