// A thread of this program that reads output topics, while the main thread replays the source.
//
// Guarantees: ends as soon as it has answered, and with the program. Bounds: as those of output-reading, in a heap of its own.

import { constants, setPriority } from 'node:os';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import type { TopicInfo } from '@pulses/broker-wire';
import type { BrokerAddress } from '@pulses/connector-fs';
import { isPulsesError, PulsesError, type ErrorCode } from '@pulses/shared-errors';
import { withConnections } from '../broker-access';
import type { ComparedLines } from './scope';
import { skimTopics, type Skim, type Skimmed } from './skim';

/** So many messages are read between two words of progress. */
const PROGRESS_MESSAGES = 20_000;

interface Job {
  readonly address: BrokerAddress;
  readonly connections: number;
  readonly compared: ComparedLines;
  readonly topics: readonly TopicInfo[];
}

type Answer =
  | { readonly kind: 'read'; readonly messages: number }
  | { readonly kind: 'done'; readonly skimmed: Skimmed }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };

/**
 * A Skim in a thread of its own, over connections of its own.
 *
 * @param program the file of the program, which calls `runSkimThread` when it is not the main thread
 */
export function skimInThread(program: string, address: BrokerAddress, connections: number): Skim {
  return ({ source, otherSources, startOffset, groupedOffset, windowedOffset, groupedLimit, windowedLimit }, topics, onRead) =>
    new Promise((resolve, reject) => {
      const compared = { source, otherSources, startOffset, groupedOffset, windowedOffset, groupedLimit, windowedLimit };
      const job: Job = { address, connections, compared, topics };
      const thread = new Worker(program, { workerData: job });
      thread.on('message', (answer: Answer) => {
        if (answer.kind === 'read') onRead(answer.messages);
        else if (answer.kind === 'done') resolve(answer.skimmed);
        else reject(new PulsesError(answer.code, answer.message));
      });
      thread.on('error', reject);
      thread.on('exit', (code) => {
        reject(new Error(`the thread that reads the outputs has ended with ${code}`)); // heard by nobody when it has answered
      });
    });
}

/** What the thread does. */
export async function runSkimThread(): Promise<void> {
  const { address, connections, compared, topics } = workerData as Job;
  const tell = (answer: Answer) => parentPort?.postMessage(answer);
  let toldCount = 0;
  // Of this thread alone, on Linux: the replay takes longer, and has the core first.
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  try {
    const skimmed = await withConnections(address, connections, (clients) =>
      skimTopics(clients, compared, topics, (messages) => {
        if (messages - toldCount < PROGRESS_MESSAGES) return;
        toldCount = messages;
        tell({ kind: 'read', messages });
      }),
    );
    tell({ kind: 'done', skimmed });
  } catch (error) {
    if (!isPulsesError(error)) throw error;
    tell({ kind: 'failed', code: error.code, message: error.message });
  }
}
