// Short ways to write to a log and to see what it holds.

import type { AppendResult, BrokerLog, CommitRequest } from '@pulses/broker-log-api';
import {
  columnsOf,
  type PositionChange,
  type ProducerStamp,
  type StoredPosition,
  type TopicAppend,
} from '@pulses/broker-wire';
import { isPulsesError } from '@pulses/shared-errors';
import { crc32 } from 'node:zlib';

const PRODUCER_A = '00112233445566778899aabbccddeeff';
export const PRODUCER_B = 'ffeeddccbbaa99887766554433221100';

export function stamp(sequence: number, epoch = 0, id = PRODUCER_A): ProducerStamp {
  return { id, epoch, sequence };
}

export function append(topic: string, ...messages: readonly string[]): TopicAppend {
  return { topic, recordCount: messages.length, payload: Buffer.from(messages.map((text) => `${text}\n`).join('')) };
}

export function publish(
  log: BrokerLog,
  topic: string,
  messages: readonly string[],
  producer?: ProducerStamp,
): Promise<AppendResult> {
  return log.append(append(topic, ...messages), producer);
}

export interface StoredMessage {
  readonly offset: number;
  readonly timestampMs: number;
  readonly text: string;
}

/**
 * Every message from an offset to the high watermark.
 * @throws Error when a batch does not start where the one before ended, is not what its checksum says, or a limit of bytes
 * is passed
 */
export async function readFrom(
  log: BrokerLog,
  topic: string,
  fromOffset: number,
  bytesMax = 1 << 20,
): Promise<StoredMessage[]> {
  const info = log.topic(topic);
  if (info === undefined) return [];
  const messages: StoredMessage[] = [];
  let next = fromOffset;
  while (next < info.nextOffset) {
    const batches = await log.read(topic, info.incarnation, next, bytesMax);
    const bytes = batches.reduce((sum, { payload }) => sum + payload.length, 0);
    const count = batches.reduce((sum, { recordCount }) => sum + recordCount, 0);
    if (count === 0) throw new Error(`nothing was read at offset ${next}, below ${info.nextOffset}`);
    if (bytes > bytesMax && count > 1) throw new Error(`${bytes} bytes in ${count} messages, above ${bytesMax}`);
    for (const { baseOffset, recordCount, timestampMs, payload, payloadCrc } of batches) {
      if (payloadCrc !== undefined && payloadCrc !== crc32(payload))
        throw new Error(`another checksum at ${baseOffset}`);
      const texts = Buffer.from(payload).toString('latin1').split('\n').slice(0, -1);
      if (baseOffset !== next || texts.length !== recordCount) {
        throw new Error(`expected offset ${next}, read ${texts.length} of ${recordCount} messages from ${baseOffset}`);
      }
      for (const [index, text] of texts.entries()) messages.push({ offset: baseOffset + index, timestampMs, text });
      next += recordCount;
    }
  }
  return messages;
}

/** The messages of a topic, oldest first. */
export async function textsOf(log: BrokerLog, topic: string, bytesMax?: number): Promise<string[]> {
  const messages = await readFrom(log, topic, log.topic(topic)?.startOffset ?? 0, bytesMax);
  return messages.map(({ text }) => text);
}

/** The error code of a call that is refused, 'stored' when it is not. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'stored';
  } catch (error) {
    if (!isPulsesError(error)) throw error;
    return error.code;
  }
}

export function namesOf(log: BrokerLog): string[] {
  return log.topics({ prefix: '', after: '', limit: 10_000 }).topics.map(({ topic }) => topic);
}

/** The interface promises no order of positions: these are sorted by group, topic and name. */
export async function positionsOf(log: BrokerLog, group = '', topic = ''): Promise<StoredPosition[]> {
  const keyOf = (position: StoredPosition): string => [position.group, position.topic, position.name].join('\n');
  const positions = await log.positions(group, topic);
  return positions.sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
}

export function change(name: string, expectedRevision: number, offset: number, metadata = ''): PositionChange {
  return { name, expectedRevision, offset, metadata };
}

export interface TestGroup {
  readonly topic: string;
  readonly incarnation: string;
  readonly epoch: number;
  request(positions: readonly PositionChange[], ...appends: readonly TopicAppend[]): CommitRequest;
}

/** Messages of a source that a group has joined: positions up to this offset are valid. */
export const SOURCE_MESSAGES = 40;

/** Makes the source topic with `SOURCE_MESSAGES` messages, unless it has some, and joins the group. */
export async function joinGroup(log: BrokerLog, group: string, topic: string): Promise<TestGroup> {
  await fillSource(log, topic);
  return groupOn(log, group, topic, await log.advanceGroupEpoch(group));
}

/** Like `joinGroup`, as the publisher of the topic's outputs. */
export async function joinPublisher(log: BrokerLog, group: string, topic: string): Promise<TestGroup> {
  const epoch = await log.advanceGroupEpoch(group, topic);
  await fillSource(log, topic);
  return groupOn(log, group, topic, epoch);
}

async function fillSource(log: BrokerLog, topic: string): Promise<void> {
  const { nextOffset } = await log.createTopic(topic);
  if (nextOffset > 0) return;
  await publish(
    log,
    topic,
    Array.from({ length: SOURCE_MESSAGES }, (_, offset) => `${offset}`),
  );
}

function groupOn(log: BrokerLog, group: string, topic: string, epoch: number): TestGroup {
  const { incarnation = '' } = log.topic(topic) ?? {};
  return {
    topic,
    incarnation,
    epoch,
    request: (positions, ...appends) => ({
      group,
      groupEpoch: epoch,
      topic,
      incarnation,
      positions,
      ...columnsOf(appends),
    }),
  };
}
