// Valid requests of every type, from a seed.
//
// Names and ids come from small pools and from what the broker has answered, so that many requests find what they are about.

import {
  columnsOf,
  payloadOf,
  PROTOCOL_VERSION,
  type Request,
  type RequestType,
  type Response,
  type TopicAppend,
  type TopicColumns,
} from '@pulses/broker-wire';
import type { Random } from '@pulses/shared-ports';

export interface RequestSource {
  next(): Request;
  /** Learns ids and epochs from an answer. */
  learn(response: Response): void;
}

export function createRequestSource(random: Random): RequestSource {
  const below = (limit: number): number => Math.floor(random.fraction() * limit);
  const hexId = (): string => Buffer.from(random.bytes(16)).toString('hex');
  const oneOf = <Item>(...items: readonly [Item, ...Item[]]): Item => items[below(items.length)] ?? items[0];
  const topic = (): string => `topic-${below(6)}`;
  const doomed = (): string => (below(8) === 0 ? topic() : `doomed-${below(6)}`);
  const group = 'group';
  const incarnations = new Map<string, string>();
  let topicIds: Uint32Array = Uint32Array.of();
  let groupEpoch = 1;

  const append = (): TopicAppend => {
    const recordCount = 1 + below(4);
    // Now and then beyond the size that the codec copies.
    const length = below(50) === 0 ? 5_000 : below(60) + 1;
    const messages = Array.from({ length: recordCount }, (_, index) => `${index} ${'x'.repeat(length)}\n`);
    return { topic: topic(), recordCount, payload: Buffer.from(messages.join('')) };
  };
  const sourceOf = (name: string) => ({ topic: name, incarnation: incarnations.get(name) ?? hexId() });
  const several = <Item>(item: () => Item): Item[] => Array.from({ length: below(4) }, item);

  /** Some of the rows by an id that the broker has told, or by none that it knows. */
  const withIds = (columns: TopicColumns): TopicColumns => ({
    ...columns,
    topicIds: columns.topicIds.map((id) => (below(3) === 0 ? (topicIds[below(topicIds.length)] ?? below(50)) : id)),
  });

  const make: { readonly [Type in RequestType]: () => Extract<Request, { readonly type: Type }> } = {
    hello: () => ({ type: 'hello', protocolVersion: PROTOCOL_VERSION, client: 'mutant', token: '' }),
    produce: () => {
      const isKnown = below(2) === 0;
      const producer = isKnown
        ? { id: `${below(8)}`.padStart(32, '0'), epoch: below(3), sequence: below(5) }
        : { id: hexId(), epoch: 0, sequence: 0 };
      // Now and then not what its checksum says.
      const { payload, ...fields } = append();
      const { payloadCrc } = payloadOf(payload);
      const isDamaged = below(40) === 0;
      return { type: 'produce', producer, ...fields, payload, payloadCrc: isDamaged ? 1 : payloadCrc };
    },
    'retire-producer': () => ({ type: 'retire-producer', id: `${below(8)}`.padStart(32, '0'), epoch: below(3) }),
    fetch: () => ({
      type: 'fetch',
      topic: topic(),
      incarnation: '',
      fromOffset: below(5),
      creditBytes: below(2_000),
    }),
    scan: () => ({ type: 'scan', like: topic(), from: { lsn: below(3), topicId: below(9), offset: below(5) } }),
    credit: () => ({ type: 'credit', bytes: below(2_000) }),
    'stop-fetch': () => ({ type: 'stop-fetch' }),
    commit: () => ({
      type: 'commit',
      group,
      groupEpoch,
      ...sourceOf(topic()),
      positions: several(() => ({
        name: `position-${below(50)}`,
        expectedRevision: below(2),
        offset: below(9),
        metadata: 'm',
      })),
      ...withIds(columnsOf(several(append))),
    }),
    'read-positions': () => ({ type: 'read-positions', group: oneOf('', group), topic: oneOf('', topic()) }),
    'list-positions': () => ({
      type: 'list-positions',
      group: oneOf('', group),
      topic: oneOf('', topic()),
      after: oneOf({ group: '', topic: '', name: '' }, { group, topic: topic(), name: `position-${below(50)}` }),
      limit: 1 + below(20),
    }),
    'list-topics': () => ({
      type: 'list-topics',
      prefix: oneOf('', 'topic-1'),
      after: oneOf('', topic()),
      limit: 1 + below(20),
    }),
    'create-topic': () => ({ type: 'create-topic', topic: oneOf(topic(), doomed()) }),
    'delete-topics': () => ({ type: 'delete-topics', topics: [doomed(), ...several(doomed)] }),
    'join-group': () => ({ type: 'join-group', group, member: 'm', leaseMs: 1 + below(5_000) }),
    heartbeat: () => ({ type: 'heartbeat', group, groupEpoch }),
    'leave-group': () => ({ type: 'leave-group', group, groupEpoch }),
    'join-as-publisher': () => ({
      type: 'join-as-publisher',
      group,
      member: 'm',
      leaseMs: 1 + below(5_000),
      source: topic(),
    }),
    'list-groups': () => ({
      type: 'list-groups',
      after: { group: oneOf('', group), source: oneOf('', topic()) },
      limit: 1 + below(20),
    }),
    'delete-group': () => ({ type: 'delete-group', group: `group-${below(3)}` }),
    'delete-position': () => ({
      type: 'delete-position',
      group,
      groupEpoch,
      ...sourceOf(topic()),
      name: `position-${below(50)}`,
      expectedRevision: 1,
    }),
    ping: () => ({ type: 'ping' }),
  };
  const makers = Object.values(make);

  return {
    next: () => (makers[below(makers.length)] ?? make.ping)(),
    learn: (response) => {
      if (response.type === 'group-joined') groupEpoch = response.groupEpoch;
      if (response.type === 'committed' && response.newTopicIds.length > 0) topicIds = response.newTopicIds;
      if (response.type === 'topic') incarnations.set(response.topic.topic, response.topic.incarnation);
    },
  };
}
