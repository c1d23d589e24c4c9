// Topics as the outside sees them, and their order.

import type { TopicInfo } from '@pulses/broker-wire';
import { compareUtf8 } from '@pulses/shared-binary';
import type { LogState, TopicState } from './state';

export function topicInfo(topic: TopicState): TopicInfo {
  const { incarnation, startOffset, nextOffset, bytes, firstTimestampMs, lastTimestampMs } = topic;
  return { topic: topic.topic, incarnation, startOffset, nextOffset, bytes, firstTimestampMs, lastTimestampMs };
}

export interface TopicList {
  /** The names are no longer those of before. */
  changed(): void;
  list(query: { prefix: string; after: string; limit: number }): { topics: TopicInfo[]; more: boolean };
}

/** Lists topics in name order; sorts when it is asked after a change, so that making topics costs nothing. */
export function createTopicList(state: LogState): TopicList {
  let sorted: string[] | undefined;
  return {
    changed: () => {
      sorted = undefined;
    },
    list: ({ prefix, after, limit }) => {
      sorted ??= [...state.topicsByName.keys()].sort(compareUtf8);
      const afterIndex = firstIndex(sorted, (name) => compareUtf8(name, after) > 0);
      const prefixIndex = firstIndex(sorted, (name) => compareUtf8(name, prefix) >= 0);
      const topics: TopicInfo[] = [];
      for (let index = Math.max(afterIndex, prefixIndex); index < sorted.length; index += 1) {
        const name = sorted[index]!; // below the length
        if (!name.startsWith(prefix)) break;
        if (topics.length >= limit) return { topics, more: true };
        topics.push(topicInfo(state.topicsByName.get(name)!)); // `sorted` holds the names of the map
      }
      return { topics, more: false };
    },
  };
}

/** First index of a sorted array whose value passes, or its length. */
function firstIndex(values: readonly string[], passes: (value: string) => boolean): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (passes(values[middle]!))
      high = middle; // middle < high <= length
    else low = middle + 1;
  }
  return low;
}
