// A log of small segments on a simulated disk, and messages of a hundred bytes.

import { createSimFileSystem, createSimRandom, type SimFileSystem } from '@pulses/testing-sim';
import type { BrokerLog } from '@pulses/broker-log-api';
import type { OpenSegmentLogOptions } from '../options';
import type { SegmentLog } from '../segment-log';
import { publish } from './log-fixture';
import { DIRECTORY, machineOn, openOn, type Machine } from './torture-run';

/** So small that segments and runs come every few messages. */
export const SMALL_OPTIONS = { segmentBytesMax: 2_000, tailBytesMax: 0, retentionIntervalMs: 50, openFilesMax: 4 };

export function machine(disk: SimFileSystem = createSimFileSystem({ seed: 1 })): Machine {
  return machineOn(disk, createSimRandom(1));
}

/** Topics that begin with `out` are of kind 1, the others of kind 0. */
export const kindOfSmall = (topic: string): number => (topic.startsWith('out') ? 1 : 0);

export async function opened(on: Machine, rest: Partial<OpenSegmentLogOptions> = {}): Promise<SegmentLog> {
  const log = await openOn(on, { options: SMALL_OPTIONS, retention: () => undefined, kindOf: kindOfSmall, ...rest });
  if (log === undefined) throw new Error('the power is on');
  return log;
}

/** Names of the files in a folder of the log. */
export const filesIn = (on: Machine, folder: string): string[] =>
  on.fileSystem
    .files()
    .filter((path) => path.startsWith(`${DIRECTORY}/${folder}/`))
    .map((path) => path.slice(DIRECTORY.length + folder.length + 2));

export const text = (at: number): string => `${at}-`.padEnd(100, 'x');

/** Stores messages one after the other, and time for the work in the background. */
export async function fill(on: Machine, log: BrokerLog, topic: string, count: number): Promise<string[]> {
  const from = log.topic(topic)?.nextOffset ?? 0;
  const messages = Array.from({ length: count }, (_, index) => text(from + index));
  for (const message of messages) await publish(log, topic, [message]);
  await on.clock.advance(10);
  return messages;
}
