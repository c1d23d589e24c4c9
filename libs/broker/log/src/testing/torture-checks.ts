// Compares a log with the expectation of torture-model.ts, through its interface and by the readable files.

import type { StoredPosition, TopicInfo } from '@pulses/broker-wire';
import type { SimFileSystem } from '@pulses/testing-sim';
import type { BrokerLog } from '@pulses/broker-log-api';
import { parseTopicFileName, topicDirectoryName } from '../topic-names';
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

/** The readable files of a log that was closed against what it showed before. */
export function filesDifference(
  fileSystem: SimFileSystem,
  directory: string,
  model: Model,
  observed: Observed,
): string | undefined {
  const prefix = `${directory}/topics/`;
  const contents = new Map<string, { baseOffset: number; text: string }[]>();
  for (const path of fileSystem.files()) {
    if (!path.startsWith(prefix)) continue;
    const [directoryName = '', name = ''] = path.slice(prefix.length).split('/');
    const parsed = parseTopicFileName(name);
    if (parsed === undefined) return `${path} is not a topic file`;
    const pieces = contents.get(directoryName) ?? [];
    contents.set(directoryName, pieces);
    if (parsed.kind === 'ndjson') {
      pieces.push({ baseOffset: parsed.baseOffset, text: Buffer.from(fileSystem.bytesOf(path)).toString() });
    }
  }
  for (const [topic, { info }] of observed.topics) {
    const pieces = contents.get(topicDirectoryName(topic)) ?? [];
    contents.delete(topicDirectoryName(topic));
    const expected = model.topics.get(topic)!.slice(info.startOffset); // compared before
    const text = pieces.map((piece) => piece.text).join('');
    if (text !== expected.map((message) => `${message}\n`).join(''))
      return `the files of ${topic} hold other lines than the log`;
    const first = pieces[0];
    if (first !== undefined && first.baseOffset !== info.startOffset) {
      return `the files of ${topic} start at ${first.baseOffset}, expected ${info.startOffset}`;
    }
  }
  const rest = [...contents.keys()];
  return rest.length === 0 ? undefined : `files of topics that were deleted: ${rest.join(' ')}`;
}
