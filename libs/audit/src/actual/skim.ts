// Reading the output topics that tell the replay nothing; this can run beside it.

import type { TopicReader } from '@pulses/connector-api';
import type { AuditedOutput, ComparedLines } from '../compare/scope';
import { OutputReader, type OutputReadings } from './output-reading';

/**
 * Reads the topics, for all sources of an audit at a time.
 *
 * @param compared for each source
 * @param onRead called now and then with the number of messages read so far
 */
export type Skim = (
  compared: readonly ComparedLines[],
  topics: readonly AuditedOutput[],
  onRead: (messages: number) => void,
) => Promise<OutputReadings>;

/** A Skim over these connections. @throws PulsesError of the connections */
export function skimOver(readers: readonly TopicReader[]): Skim {
  return async (compared, topics, onRead) => {
    const outputs = new OutputReader(readers, compared);
    await outputs.read(topics, 'skimming', () => {
      onRead(outputs.readCount);
    });
    return outputs.readings();
  };
}
