// Makes durable frames visible: to the state, the index, listeners and counters.
//
// Guarantees: all frames of a group become visible at once; then listeners are called, those of a topic once.

import type { Entry } from '../journal/entries';
import type { PlacedFrame } from '../journal/journal';
import type { Tail } from '../journal/tail';
import { TOPIC_KINDS_MAX, type SegmentLogMetrics } from '../options';
import { Listeners } from '../readers/listeners';
import type { UnsealedIndex } from '../segments/unsealed';
import { TopicList } from '../topics/topic-list';
import { NO_ROW } from '../topics/topic-table';
import { applyFrame, type Effects, type LogState } from './log-state';

export interface ApplierOptions {
  readonly state: LogState;
  readonly unsealed: UnsealedIndex;
  readonly tail: Tail;
  readonly metrics: SegmentLogMetrics;
  /** An entry was applied. */
  onEntry(kind: Entry['kind']): void;
  /** A group was applied, and listeners know. */
  onApplied(): void;
}

export class Applier {
  readonly #options: ApplierOptions;
  readonly topicList: TopicList;
  readonly #listeners = new Listeners();
  readonly #effects: Effects = { grown: [], renewed: [], kinds: new Float64Array(TOPIC_KINDS_MAX * 2) };

  constructor(options: ApplierOptions) {
    this.#options = options;
    this.topicList = new TopicList(options.state.topics);
  }

  apply(frames: readonly PlacedFrame[]): void {
    const { state, unsealed, tail } = this.#options;
    const { grown, renewed } = this.#effects;
    for (const frame of frames) {
      applyFrame(state, frame, this.#effects);
      unsealed.add(frame);
      for (const { kind } of frame.entries) {
        if (kind === 'runs-sealed') unsealed.drop(state.sealedLsn);
        if (kind === 'topics-created' || kind === 'topics-deleted') this.topicList.changed();
        this.#options.onEntry(kind);
      }
    }
    tail.settle();
    const changed = new Set<string>(renewed.filter((topic) => this.#listeners.has(topic)));
    for (const topic of changed) this.#watch(topic);
    for (const row of grown) changed.add(state.topics.nameOf(row));
    grown.length = 0;
    renewed.length = 0;
    for (const topic of changed) this.#listeners.wake(topic);
    this.#count();
    this.#options.onApplied();
  }

  /** @returns the function that ends it */
  onChange(topic: string, listener: () => void): () => void {
    const end = this.#listeners.add(topic, listener);
    this.#watch(topic);
    return () => {
      end();
      this.#watch(topic);
    };
  }

  #watch(topic: string): void {
    const { topics } = this.#options.state;
    const row = topics.findStored(topic);
    if (row !== NO_ROW) topics.setWatched(row, this.#listeners.has(topic));
  }

  #count(): void {
    const { kinds } = this.#effects;
    for (let kind = 0; kind < TOPIC_KINDS_MAX; kind += 1) {
      const count = kinds[2 * kind]!; // two for each
      if (count > 0) this.#options.metrics.appended?.(kind, count, kinds[2 * kind + 1]!);
    }
    kinds.fill(0);
  }
}
