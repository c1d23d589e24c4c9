// What the output topics hold of one source: their digests, and which windows its lines tell of.

import { topicKindOf } from '@pulses/shared-pulse-model';
import type { ComparedLines } from '../compare/scope';
import type { WindowRange } from '../expected/line-writer';
import { fastReaders, type FastReaders } from './output-topic';
import type { AuditedSource, TopicReading } from './topic-sources';
import { WindowLengths } from './window-lengths';

export interface FoundCounts {
  grouped: number;
  deadLetters: number;
  sums: number;
  /** Lines in the same topics of sources that the audit leaves out. */
  ofOtherSources: number;
}

export class SourceOutputs implements AuditedSource {
  readonly compared: ComparedLines;
  readonly readers: FastReaders;
  readonly lengths = new WindowLengths();
  readonly #topics = new Map<string, TopicReading>();
  #windowsFrom: number;
  #windowsTo: number;

  constructor(compared: ComparedLines) {
    this.compared = compared;
    this.readers = fastReaders(compared);
    this.#windowsFrom = compared.startOffset;
    this.#windowsTo = compared.windowedOffset;
  }

  /** Readings by topic. */
  get topics(): ReadonlyMap<string, TopicReading> {
    return this.#topics;
  }

  /** First source offset of the windows that lie wholly within the scope. */
  get windowsFrom(): number {
    return this.#windowsFrom;
  }

  /** Source offset behind the last of these windows. */
  get windowsTo(): number {
    return this.#windowsTo;
  }

  /** Adds a reading, in place of an earlier one of the topic. */
  add(reading: TopicReading): void {
    this.#topics.set(reading.topic, reading);
  }

  /** The lines compared. */
  counts(): Omit<FoundCounts, 'ofOtherSources'> {
    const counts = { grouped: 0, deadLetters: 0, sums: 0 };
    for (const [topic, { comparedCount }] of this.#topics) counts[countOf(topic)] += comparedCount;
    return counts;
  }

  readonly onWindow = (window: WindowRange): void => {
    this.lengths.add(window);
  };

  /** A window that lies only partly within the scope is not compared. */
  readonly onCutWindow = ({ fromOffset, toOffset }: WindowRange): void => {
    if (fromOffset < this.compared.startOffset) this.#windowsFrom = Math.max(this.#windowsFrom, toOffset + 1);
    else this.#windowsTo = Math.min(this.#windowsTo, fromOffset);
  };
}

function countOf(topic: string): 'grouped' | 'sums' | 'deadLetters' {
  switch (topicKindOf(topic)) {
    case 'grouped':
      return 'grouped';
    case 'aggregated':
      return 'sums';
    case 'dead_letter':
    case 'source':
      return 'deadLetters';
  }
}
