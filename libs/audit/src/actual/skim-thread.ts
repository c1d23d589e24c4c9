// A thread that reads output topics while the main thread replays the source.
//
// Guarantees: the thread is being terminated once it has answered. Bounds: those of output-reading, in a heap of its own.

import { constants, getPriority, setPriority } from 'node:os';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import type { TopicInfo } from '@pulses/broker-wire';
import { withConnections, type BrokerClientOptions } from '@pulses/broker-client';
import { isPulsesError, PulsesError, type ErrorCode } from '@pulses/shared-errors';
import { nodeClock, nodeNetwork } from '@pulses/shared-node-platform';
import type { TopicReading } from './output-reading';
import { comparedLinesOf, type ComparedLines } from '../compare/scope';
import { skimOver, type Skim } from './skim';

/** Messages read between two reports of progress. */
const PROGRESS_MESSAGES = 20_000;

/** A broker and how to greet it, as data that can go to a thread. */
export type SkimAddress = Omit<BrokerClientOptions, 'network' | 'clock'>;

interface Job {
  readonly address: SkimAddress;
  readonly connections: number;
  readonly compared: ComparedLines;
  readonly topics: readonly TopicInfo[];
}

type Answer =
  | { readonly kind: 'read'; readonly messages: number }
  | { readonly kind: 'done'; readonly readings: readonly TopicReading[] }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };

/**
 * A Skim over connections of its own, in a thread where one can be started.
 *
 * @param program the file of the program, which calls `runSkimThread` when it is not the main thread
 */
export function skimInThread(program: string, address: SkimAddress, connections: number): Skim {
  return async (compared, topics, onRead) => {
    const job: Job = { address, connections, compared: comparedLinesOf(compared), topics };
    let thread: Worker;
    try {
      thread = new Worker(program, { workerData: job });
    } catch {
      // Threads are not allowed, or the program came from standard input.
      return perform(job, onRead);
    }
    return answerOf(thread, onRead).finally(() => thread.terminate());
  };
}

function answerOf(thread: Worker, onRead: (messages: number) => void): Promise<readonly TopicReading[]> {
  return new Promise((resolve, reject) => {
    thread.on('message', (answer: Answer) => {
      if (answer.kind === 'read') onRead(answer.messages);
      else if (answer.kind === 'done') resolve(answer.readings);
      else reject(new PulsesError(answer.code, answer.message));
    });
    thread.on('error', reject);
    thread.on('exit', (code) => {
      // Without effect once it has answered.
      reject(new Error(`the thread that reads the outputs ended with exit code ${code}`));
    });
  });
}

function perform(
  { address, connections, compared, topics }: Job,
  onRead: (messages: number) => void,
): Promise<readonly TopicReading[]> {
  const options = { ...address, network: nodeNetwork, clock: nodeClock };
  return withConnections(options, connections, (clients) => skimOver(clients)(compared, topics, onRead));
}

/** What the thread does. */
export async function runSkimThread(): Promise<void> {
  const report = (answer: Answer) => parentPort?.postMessage(answer);
  let reportedCount = 0;
  lowerPriority();
  try {
    const readings = await perform(workerData as Job, (messages) => {
      if (messages - reportedCount < PROGRESS_MESSAGES) return;
      reportedCount = messages;
      report({ kind: 'read', messages });
    });
    report({ kind: 'done', readings });
  } catch (error) {
    if (!isPulsesError(error)) throw error;
    report({ kind: 'failed', code: error.code, message: error.message });
  }
}

/** Gives the core to the replay first, which takes longer. */
function lowerPriority(): void {
  // On other systems the priority is that of the whole process.
  if (process.platform !== 'linux') return;
  const { PRIORITY_BELOW_NORMAL } = constants.priority;
  if (getPriority() < PRIORITY_BELOW_NORMAL) setPriority(PRIORITY_BELOW_NORMAL);
}
