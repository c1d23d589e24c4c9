// The independent expectation of the fault suites: what a log holds after a list of operations, in plain arrays.
//
// It knows nothing of journals, frames or files. An operation takes effect whole, in the order of the calls.

import type { Random } from '@pulses/shared-ports';

export const SOURCE = 'source';
export const GROUP = 'g';

/** Topics of which retention may drop the oldest messages, and the bytes that stay at least. */
export const RETAINED_BYTES: ReadonlyMap<string, number> = new Map([
  [SOURCE, 900],
  ['brief', 500],
]);

/** Those topics have kinds of their own, the others one. */
export function kindOf(topic: string): number {
  return [...RETAINED_BYTES.keys()].indexOf(topic) + 1;
}

export function retentionOf(kind: number): { readonly bytes: number | undefined } {
  return { bytes: [...RETAINED_BYTES.values()][kind - 1] };
}

const TOPICS = [SOURCE, 'brief', 'a', 'b.c', 'ü/x'];
const POSITION_NAMES = ['grouped', 'windowed'];
const PRODUCERS = 3;

export interface Messages {
  readonly topic: string;
  readonly messages: readonly string[];
}

export interface Stamp {
  readonly id: string;
  readonly epoch: number;
  readonly sequence: number;
}

export interface PositionSetting {
  readonly name: string;
  readonly expectedRevision: number;
  readonly offset: number;
  readonly metadata: string;
}

export type Operation =
  | ({ readonly kind: 'append' } & Messages)
  | ({ readonly kind: 'produce'; readonly stamp: Stamp } & Messages)
  | {
      readonly kind: 'commit';
      readonly epoch: number;
      readonly positions: readonly PositionSetting[];
      readonly appends: readonly Messages[];
    }
  | { readonly kind: 'create'; readonly topic: string }
  | { readonly kind: 'delete'; readonly topic: string }
  | { readonly kind: 'advance' }
  | { readonly kind: 'retire'; readonly id: string; readonly epoch: number };

export interface ModelProducer {
  readonly epoch: number;
  readonly nextSequence: number;
}

/** Never changed: `applied` makes a new one. */
export interface Model {
  /** Every message since the topic was made, also those that retention has dropped. */
  readonly topics: ReadonlyMap<string, readonly string[]>;
  /** Of the group, on the source topic. */
  readonly positions: ReadonlyMap<string, PositionSetting>;
  readonly groupEpoch: number;
  readonly producers: ReadonlyMap<string, ModelProducer>;
  /** The last stamped appends, and where they went. */
  readonly produced: readonly {
    readonly operation: Extract<Operation, { kind: 'produce' }>;
    readonly baseOffset: number;
  }[];
  /** Number of operations; makes messages differ. */
  readonly count: number;
}

export const EMPTY_MODEL: Model = {
  topics: new Map(),
  positions: new Map(),
  groupEpoch: 0,
  producers: new Map(),
  produced: [],
  count: 0,
};

const PRODUCED_KEPT = 6;

export function applied(model: Model, operation: Operation): Model {
  const next = { ...model, count: model.count + 1 };
  switch (operation.kind) {
    case 'append':
      return { ...next, topics: withMessages(model.topics, [operation]) };
    case 'produce': {
      const { id, epoch, sequence } = operation.stamp;
      const baseOffset = model.topics.get(operation.topic)?.length ?? 0;
      return {
        ...next,
        topics: withMessages(model.topics, [operation]),
        producers: new Map(model.producers).set(id, { epoch, nextSequence: sequence + 1 }),
        produced: [...model.produced, { operation, baseOffset }].slice(-PRODUCED_KEPT),
      };
    }
    case 'commit': {
      const positions = new Map(model.positions);
      for (const position of operation.positions) positions.set(position.name, position);
      return { ...next, topics: withMessages(model.topics, operation.appends), positions };
    }
    case 'create':
      return { ...next, topics: withMessages(model.topics, [{ topic: operation.topic, messages: [] }]) };
    case 'delete': {
      const topics = new Map(model.topics);
      topics.delete(operation.topic);
      return { ...next, topics, positions: operation.topic === SOURCE ? new Map() : model.positions };
    }
    case 'advance':
      return { ...next, groupEpoch: model.groupEpoch + 1 };
    case 'retire': {
      const produced = model.produced.filter((one) => one.operation.stamp.id !== operation.id);
      const producers = new Map(model.producers).set(operation.id, { epoch: operation.epoch + 1, nextSequence: 0 });
      return { ...next, producers, produced };
    }
  }
}

function withMessages(topics: Model['topics'], added: readonly Messages[]): Model['topics'] {
  const next = new Map(topics);
  for (const { topic, messages } of added) next.set(topic, [...(next.get(topic) ?? []), ...messages]);
  return next;
}

/** Something that the log has to accept in this state. */
export function nextOperation(random: Random, model: Model): Operation {
  const below = (count: number): number => Math.floor(random.fraction() * count);
  const topic = TOPICS[below(TOPICS.length)]!; // below the length
  const roll = random.fraction();
  if (roll < 0.45) {
    const id = producerId(below(PRODUCERS));
    const { epoch, nextSequence } = model.producers.get(id) ?? { epoch: 0, nextSequence: 0 };
    return {
      kind: 'produce',
      topic,
      messages: messagesFor(random, model, topic),
      stamp: { id, epoch, sequence: nextSequence },
    };
  }
  if (roll < 0.6) return { kind: 'append', topic, messages: messagesFor(random, model, topic) };
  if (roll < 0.85 && model.topics.has(SOURCE)) return commitOf(random, model);
  if (roll < 0.9) return { kind: 'advance' };
  if (roll < 0.93) {
    const id = producerId(below(PRODUCERS));
    return { kind: 'retire', id, epoch: model.producers.get(id)?.epoch ?? 0 };
  }
  return model.topics.has(topic) && roll < 0.97 ? { kind: 'delete', topic } : { kind: 'create', topic };
}

function commitOf(random: Random, model: Model): Operation {
  const names = POSITION_NAMES.filter(() => random.fraction() < 0.7);
  const end = model.topics.get(SOURCE)?.length ?? 0;
  // Retention stops at the lowest position. Without one, it may drop all but the end.
  const lowest = Math.min(end, ...[...model.positions.values()].map(({ offset }) => offset));
  const from = model.positions.size === 0 ? end : lowest;
  const positions = names.map((name) => ({
    name,
    expectedRevision: model.positions.has(name) ? model.positions.get(name)!.expectedRevision + 1 : 0,
    offset: from + Math.floor(random.fraction() * (end - from + 1)),
    metadata: `m${model.count}`,
  }));
  const appends = TOPICS.filter(() => random.fraction() < 0.5).map((topic) => ({
    topic,
    messages: messagesFor(random, model, topic),
  }));
  return { kind: 'commit', epoch: model.groupEpoch, positions, appends };
}

function messagesFor(random: Random, model: Model, topic: string): string[] {
  const count = 1 + Math.floor(random.fraction() ** 2 * 5);
  return Array.from({ length: count }, (_, index) => {
    const length = random.fraction() < 0.05 ? 700 : Math.floor(random.fraction() * 60);
    return `${topic}#${model.count}.${index}:${'x'.repeat(length)}`;
  });
}

function producerId(index: number): string {
  return `${index}`.repeat(32);
}
