// What the specs of the log share: temporary directories, a settable clock, and short ways to write and read.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProducerStamp, TopicAppend } from '@pulses/broker-wire';
import { nodeClock } from '@pulses/shared-node-platform';
import type { Clock } from '@pulses/shared-ports';
import type { AppendResult, BrokerLog } from '@pulses/broker-log-api';

export interface TemporaryDirectories {
  make(): Promise<string>;
  removeAll(): Promise<void>;
}

export function temporaryDirectories(): TemporaryDirectories {
  const made: string[] = [];
  return {
    make: async () => {
      const directory = await mkdtemp(join(tmpdir(), 'pulses-log-'));
      made.push(directory);
      return directory;
    },
    removeAll: async () => {
      for (const directory of made.splice(0)) await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A wall clock that a test sets; timers and monotonic time are real. */
export function settableClock(startMs: number): Clock & { setMs(ms: number): void } {
  let now = startMs;
  return {
    ...nodeClock,
    nowMs: () => now,
    setMs: (ms) => {
      now = ms;
    },
  };
}

export function lines(...messages: readonly string[]): Pick<TopicAppend, 'recordCount' | 'payload'> {
  return { recordCount: messages.length, payload: Buffer.from(messages.map((message) => `${message}\n`).join('')) };
}

export function publish(
  log: BrokerLog,
  topic: string,
  messages: readonly string[],
  producer?: ProducerStamp,
): Promise<AppendResult> {
  return log.append({ topic, ...lines(...messages) }, producer);
}

/** Every message of the topic, read `bytesMax` at a time; fails when offsets have gaps. */
export async function readMessages(log: BrokerLog, topic: string, bytesMax = 64 * 1024): Promise<string[]> {
  const info = log.topic(topic);
  if (info === undefined) return [];
  const messages: string[] = [];
  let offset = info.startOffset;
  while (offset < info.nextOffset) {
    const batches = await log.read(topic, info.incarnation, offset, bytesMax);
    if (!batches.some(({ recordCount }) => recordCount > 0)) throw new Error(`asked for offset ${offset}, got nothing`);
    for (const batch of batches) {
      const texts = Buffer.from(batch.payload).toString().split('\n').slice(0, -1);
      if (batch.baseOffset !== offset || texts.length !== batch.recordCount) {
        throw new Error(`asked for offset ${offset}, got ${texts.length} messages from ${batch.baseOffset}`);
      }
      messages.push(...texts);
      offset += batch.recordCount;
    }
  }
  return messages;
}
