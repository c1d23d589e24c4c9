// The output topics of a session: their ids at the broker, as its connection has told them.
//
// Guarantees: a topic is named until its id is known, and never again. Bounds: an id for each tenant of a list; when another
// list of tenants comes, the ids of the one before are forgotten.

import { NEW_TOPIC_ID, payloadOf, type TopicColumns } from '@pulses/broker-wire';
import type { OutputCommit, TenantColumns } from '@pulses/connector-api';
import { aggregatedTopic, deadLetterTopic, groupedTopic } from '@pulses/shared-pulse-model';

const UNKNOWN = 0xffff_ffff;
const IDS_INITIAL = 1_024;

/** Ids by the index of a name in a list that grows. */
class KnownIds {
  readonly #topicOf: (name: string) => string;
  #names: readonly string[] = [];
  #ids = new Uint32Array(IDS_INITIAL).fill(UNKNOWN);

  constructor(topicOf: (name: string) => string) {
    this.#topicOf = topicOf;
  }

  topicOf(index: number): string {
    return this.#topicOf(this.#names[index]!); // an index of the list
  }

  /** The ids, with room for all of `names`. */
  of(names: readonly string[]): Uint32Array {
    if (names !== this.#names) this.#ids.fill(UNKNOWN);
    this.#names = names;
    if (names.length > this.#ids.length) {
      const grown = new Uint32Array(2 * names.length).fill(UNKNOWN);
      grown.set(this.#ids);
      this.#ids = grown;
    }
    return this.#ids;
  }

  /** The list is still `names`: else the id is of no use any more. */
  learn(names: readonly string[], index: number, id: number): void {
    if (names === this.#names) this.#ids[index] = id;
  }
}

/** A topic of a commit that is named. */
interface Named {
  readonly ids: KnownIds;
  readonly names: readonly string[];
  readonly index: number;
}

/** A commit as the broker takes it. */
export interface OutputColumns {
  readonly columns: TopicColumns;
  /** The broker has answered: later commits use the ids. */
  learn(newTopicIds: Uint32Array): void;
}

export class OutputTopics {
  readonly #grouped = new KnownIds(groupedTopic);
  readonly #aggregated = new KnownIds(aggregatedTopic);
  readonly #deadLetters = new KnownIds(deadLetterTopic);
  readonly #sources: readonly string[];

  constructor(sourceTopic: string) {
    this.#sources = [sourceTopic];
  }

  /** Columns and payload are those of the commit where it has outputs of one kind, which is usual. */
  columnsOf({ grouped, aggregated, deadLetters }: OutputCommit): OutputColumns {
    const named: Named[] = [];
    const parts = [
      ...(grouped === undefined ? [] : [this.#partOf(this.#grouped, grouped, named)]),
      ...(aggregated === undefined ? [] : [this.#partOf(this.#aggregated, aggregated, named)]),
      ...(deadLetters === undefined ? [] : [this.#partOf(this.#deadLetters, this.#lettersOf(deadLetters), named)]),
    ];
    const columns = {
      newTopics: named.map(({ ids, index }) => ids.topicOf(index)),
      topicIds: joined(parts.map(({ topicIds }) => topicIds)),
      counts: joined(parts.map(({ counts }) => counts)),
      lengths: joined(parts.map(({ lengths }) => lengths)),
      ...payloadOf(parts.length === 1 ? parts[0]!.payload : Buffer.concat(parts.map(({ payload }) => payload))), // it has one
    };
    return {
      columns,
      learn: (newTopicIds) => {
        for (const [number, { ids, names, index }] of named.entries()) ids.learn(names, index, newTopicIds[number]!); // as many
      },
    };
  }

  #partOf(ids: KnownIds, { tenants, indexes, counts, lengths, payload }: TenantColumns, named: Named[]) {
    const known = ids.of(tenants);
    const topicIds = new Uint32Array(indexes.length);
    for (let row = 0; row < indexes.length; row += 1) {
      const index = indexes[row]!; // in range
      const id = known[index]!; // in range
      if (id === UNKNOWN) {
        topicIds[row] = NEW_TOPIC_ID + named.length;
        named.push({ ids, names: tenants, index });
      } else topicIds[row] = id;
    }
    return { topicIds, counts, lengths, payload };
  }

  #lettersOf({ recordCount, payload }: NonNullable<OutputCommit['deadLetters']>): TenantColumns {
    const lengths = Uint32Array.of(payload.byteLength);
    return {
      tenants: this.#sources,
      indexes: Uint32Array.of(0),
      counts: Uint32Array.of(recordCount),
      lengths,
      payload,
    };
  }
}

function joined(columns: readonly Uint32Array[]): Uint32Array {
  if (columns.length === 1) return columns[0]!; // it has one
  const all = new Uint32Array(columns.reduce((rows, { length }) => rows + length, 0));
  let at = 0;
  for (const column of columns) {
    all.set(column, at);
    at += column.length;
  }
  return all;
}
