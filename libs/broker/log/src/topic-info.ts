// Topics as the outside sees them, and their order.

import type { TopicInfo } from '@pulses/broker-wire';
import type { LogState, TopicState } from './state';

export function topicInfo(topic: TopicState): TopicInfo {
  const { incarnation, startOffset, nextOffset, bytes, firstTimestampMs, lastTimestampMs } = topic;
  return { topic: topic.topic, incarnation, startOffset, nextOffset, bytes, firstTimestampMs, lastTimestampMs };
}

/**
 * Order of the UTF-8 bytes of two well-formed texts. UTF-16 units order the same, except that surrogates (characters
 * above U+FFFF) come before U+E000 to U+FFFF.
 */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left === right) continue;
    const isLeftSurrogate = left >= 0xd800 && left <= 0xdfff;
    const isRightSurrogate = right >= 0xd800 && right <= 0xdfff;
    // A surrogate belongs to a character above U+FFFF, which is above every other unit.
    if (isLeftSurrogate !== isRightSurrogate) return isLeftSurrogate ? 1 : -1;
    return left - right;
  }
  return a.length - b.length;
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
