// Topics in the order of their names.

import type { TopicInfo } from '@pulses/broker-wire';
import { compareUtf8 } from '@pulses/shared-binary';
import type { TopicTable } from './topic-table';

/** Sorts when it is asked after a change, so that making topics costs nothing. */
export class TopicList {
  readonly #table: TopicTable;
  #sorted: string[] | undefined;

  constructor(table: TopicTable) {
    this.#table = table;
  }

  /** The names are no longer those of before. */
  changed(): void {
    this.#sorted = undefined;
  }

  list({ prefix, after, limit }: { prefix: string; after: string; limit: number }): {
    topics: TopicInfo[];
    more: boolean;
  } {
    const sorted = (this.#sorted ??= this.#names().sort(compareUtf8));
    const afterIndex = firstIndex(sorted, (name) => compareUtf8(name, after) > 0);
    const prefixIndex = firstIndex(sorted, (name) => compareUtf8(name, prefix) >= 0);
    const topics: TopicInfo[] = [];
    for (let index = Math.max(afterIndex, prefixIndex); index < sorted.length; index += 1) {
      const name = sorted[index]!; // below the length
      if (!name.startsWith(prefix)) break;
      if (topics.length >= limit) return { topics, more: true };
      topics.push(this.#table.info(this.#table.find(name)));
    }
    return { topics, more: false };
  }

  #names(): string[] {
    return Array.from(this.#table.storedRows(), (row) => this.#table.nameOf(row));
  }
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
