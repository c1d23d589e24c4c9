// Topics as tools name them, and where NATS keeps them: the source is a stream of its own, an output is a subject of a
// group's stream.

import type { JetStreamManager, StreamInfo } from '@nats-io/jetstream';
import type { OutputInfo, PartitionInfo } from '@pulses/connector-api';
import { aggregatedTopic, groupedTopic, topicKindOf } from '@pulses/shared-pulse-model';
import { createHash } from 'node:crypto';
import { incarnationOf, startOffsetOf } from '../streams';
import { OUTPUT_OFFSETS, SOURCE_OFFSETS, type OffsetScale } from './line-offsets';

const OWN_SUBJECT = /^pulses\.(positions|journal)\./;
const STREAM = /^pulses-/;

export interface TopicStream {
  readonly info: PartitionInfo;
  readonly stream: string;
  readonly scale: OffsetScale;
}

/** The streams of Pulses, with the number of messages of each subject below `filter`. */
export async function pulsesStreams(manager: JetStreamManager, filter: string): Promise<StreamInfo[]> {
  const infos: StreamInfo[] = [];
  for await (const { config } of manager.streams.list())
    if (STREAM.test(config.name)) infos.push(await manager.streams.info(config.name, { subjects_filter: filter }));
  return infos;
}

/** The topics of a stream that hold messages, and its source. */
export function topicsOf(info: StreamInfo): TopicStream[] {
  const isSource = isSourceStream(info);
  const subjects = isSource ? info.config.subjects : Object.keys(info.state.subjects ?? {});
  return subjects.filter((subject) => !OWN_SUBJECT.test(subject)).map((subject) => topicIn(info, subject, isSource));
}

/** Where a topic is; undefined when there is none. */
export async function findTopic(manager: JetStreamManager, topic: string): Promise<TopicStream | undefined> {
  const [name] = await manager.streams.names(topic).next();
  if (name === undefined) return undefined;
  if (topic.includes('*')) return topicIn(await manager.streams.info(name), topic, false);
  const info = await manager.streams.info(name, { subjects_filter: topic });
  return topicsOf(info).find((found) => found.info.topic === topic);
}

/** The stream of a partition as `outputs` or `topics` answered it; undefined when it is another one by now. */
export async function findStream(
  manager: JetStreamManager,
  { topic, incarnation }: PartitionInfo,
): Promise<string | undefined> {
  for (const info of await pulsesStreams(manager, topic))
    if (!isSourceStream(info) && topicIn(info, topic, false).info.incarnation === incarnation) return info.config.name;
  return undefined;
}

/** The subjects of all tenants in a group's stream, as two shared partitions. */
export function sharedOutputs(info: StreamInfo): OutputInfo[] {
  if (isSourceStream(info)) return [];
  const kinds = { grouped: groupedTopic('*'), aggregated: aggregatedTopic('*') } as const;
  return (['grouped', 'aggregated'] as const).map((kind) => ({
    ...topicIn(info, kinds[kind], false).info,
    kind,
    isShared: true,
  }));
}

const isSourceStream = ({ config: { subjects } }: StreamInfo): boolean =>
  subjects.length === 1 && topicKindOf(subjects[0] ?? '') === 'source';

function topicIn(stream: StreamInfo, topic: string, isSource: boolean): TopicStream {
  const scale = isSource ? SOURCE_OFFSETS : OUTPUT_OFFSETS;
  const { first_seq: first, last_seq: last, messages, bytes, first_ts: firstTime, last_ts: lastTime } = stream.state;
  const timeOf = (text: string) => (messages === 0 ? 0 : Date.parse(text));
  const own = incarnationOf(stream);
  return {
    stream: stream.config.name,
    scale,
    info: {
      topic,
      incarnation: isSource ? own : createHash('sha256').update(`${own}\0${topic}`).digest('hex').slice(0, 32),
      // The first messages of an output stream are positions that were replaced: nothing of the outputs is gone.
      startOffset: isSource ? startOffsetOf(first) : 0,
      nextOffset: scale.toOffset(last + 1),
      messages: isSource ? messages : (stream.state.subjects?.[topic] ?? 0),
      // A stream does not tell these of one subject.
      ...(isSource ? { bytes, firstTimestampMs: timeOf(firstTime), lastTimestampMs: timeOf(lastTime) } : {}),
    },
  };
}
