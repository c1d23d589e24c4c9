// Compares a log with the expectation of torture-model.ts, through its interface.

import type { StoredPosition, TopicInfo } from '@pulses/broker-wire';
import type { BrokerLog } from '@pulses/broker-log-api';
import { readMessages } from './log-fixture';
import { GROUP, RETAINED_BYTES, SOURCE, type Model } from './torture-model';

export interface Observed {
  readonly topics: ReadonlyMap<string, { readonly info: TopicInfo; readonly messages: readonly string[] }>;
  readonly positions: readonly StoredPosition[];
}

/** What was wrong, with the seed to see it again. */
export class Violation extends Error {}

export function topicsOf(log: BrokerLog): TopicInfo[] {
  return log.topics({ prefix: '', after: '', limit: 1_000 }).topics;
}

/** Everything that the log shows; nothing may be under way. */
export async function observe(log: BrokerLog, bytesMax = 3_000): Promise<Observed> {
  const topics = new Map<string, { info: TopicInfo; messages: readonly string[] }>();
  for (const info of topicsOf(log))
    topics.set(info.topic, { info, messages: await readMessages(log, info.topic, bytesMax) });
  return { topics, positions: await log.positions('', '') };
}

/** True when the topics and their ends are those of the model: what a reader sees in one moment. */
export function endsMatch(model: Model, topics: readonly TopicInfo[]): boolean {
  return (
    topics.length === model.topics.size &&
    topics.every(({ topic, nextOffset }) => model.topics.get(topic)?.length === nextOffset)
  );
}

/** The first difference; undefined when there is none. */
export function differenceOf(model: Model, observed: Observed): string | undefined {
  const names = [...observed.topics.keys()].sort().join();
  const expectedNames = [...model.topics.keys()].sort().join();
  if (names !== expectedNames) return `topics ${names}, expected ${expectedNames}`;
  for (const [topic, { info, messages }] of observed.topics) {
    const expected = model.topics.get(topic)!; // the names are the same
    if (info.nextOffset !== expected.length) return `${topic} ends at ${info.nextOffset}, expected ${expected.length}`;
    const kept = expected.slice(info.startOffset);
    const at = kept.findIndex((message, index) => messages[index] !== message);
    if (at !== -1 || messages.length !== kept.length) {
      return `${topic} at ${info.startOffset + at}: ${messages[at]?.slice(0, 40)}, expected ${kept[at]?.slice(0, 40)}`;
    }
    const bytes = kept.reduce((sum, message) => sum + Buffer.byteLength(message) + 1, 0);
    if (info.bytes !== bytes) return `${topic} says it has ${info.bytes} bytes, expected ${bytes}`;
    if (info.startOffset > 0 && !RETAINED_BYTES.has(topic))
      return `${topic} starts at ${info.startOffset}, and all of it is kept`;
  }
  return positionsDifference(model, observed.positions);
}

function positionsDifference(model: Model, positions: readonly StoredPosition[]): string | undefined {
  const shown = positions.map(
    ({ group, topic, name, offset, revision, metadata }) =>
      `${group}/${topic}/${name}=${offset}@${revision}:${metadata}`,
  );
  const expected = [...model.positions.values()].map(
    ({ name, offset, expectedRevision, metadata }) =>
      `${GROUP}/${SOURCE}/${name}=${offset}@${expectedRevision + 1}:${metadata}`,
  );
  const text = shown.sort().join(' ');
  const expectedText = expected.sort().join(' ');
  return text === expectedText ? undefined : `positions ${text}, expected ${expectedText}`;
}
