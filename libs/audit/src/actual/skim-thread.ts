// A thread that reads output topics while the main thread replays the source.
//
// Guarantees: the thread is being terminated once it has answered. Bounds: those of output-reading, in a heap of its own.

import { constants, getPriority, setPriority } from 'node:os';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import type { TopicReader } from '@pulses/connector-api';
import { isPulsesError, PulsesError, type ErrorCode } from '@pulses/shared-errors';
import type { OutputReadings } from './output-reading';
import { comparedLinesOf, type AuditedOutput, type ComparedLines } from '../compare/scope';
import { skimOver, type Skim } from './skim';

/** Messages read between two reports of progress. */
const PROGRESS_MESSAGES = 20_000;

/**
 * Opens connections, runs `use` and closes them.
 * @param access which system and how to reach it, as data that can go to a thread
 */
export type ConnectReaders = <Result>(
  access: unknown,
  count: number,
  use: (readers: readonly TopicReader[]) => Promise<Result>,
) => Promise<Result>;

interface Job {
  readonly access: unknown;
  readonly connections: number;
  readonly compared: readonly ComparedLines[];
  readonly topics: readonly AuditedOutput[];
}

type Answer =
  | { readonly kind: 'read'; readonly messages: number }
  | { readonly kind: 'done'; readonly readings: OutputReadings }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };

/**
 * A Skim over connections of its own, in a thread where one can be started.
 *
 * @param program the file of the program, which calls `runSkimThread` when it is not the main thread
 */
export function skimInThread(program: string, connect: ConnectReaders, access: unknown, connections: number): Skim {
  return async (compared, topics, onRead) => {
    const job: Job = { access, connections, compared: compared.map(comparedLinesOf), topics };
    let thread: Worker;
    try {
      thread = new Worker(program, { workerData: job });
    } catch {
      // Threads are not allowed, or the program came from standard input.
      return perform(job, connect, onRead);
    }
    return answerOf(thread, onRead).finally(() => thread.terminate());
  };
}

function answerOf(thread: Worker, onRead: (messages: number) => void): Promise<OutputReadings> {
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
  { access, connections, compared, topics }: Job,
  connect: ConnectReaders,
  onRead: (messages: number) => void,
): Promise<OutputReadings> {
  return connect(access, connections, (readers) => skimOver(readers)(compared, topics, onRead));
}

/** What the thread does. */
export async function runSkimThread(connect: ConnectReaders): Promise<void> {
  const report = (answer: Answer) => parentPort?.postMessage(answer);
  let reportedCount = 0;
  lowerPriority();
  try {
    const readings = await perform(workerData as Job, connect, (messages) => {
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
