// Messages for property tests.

import fc from 'fast-check';
import type { Request, Response } from '../messages/messages';
import { payloadOf } from '../payload';

const name = fc.stringMatching(/^[a-zä-ü._%-]{1,20}$/);
const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u64 = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  // Above the size that is copied between the small fields.
  fc.uint8Array({ minLength: 5000, maxLength: 6000 }),
);
const checked = payload.map(payloadOf);
const rows = fc.array(u32, { maxLength: 4 }).map((values) => Uint32Array.from(values));
const scanPlace = fc.record({ lsn: u64, topicId: u32, offset: u64 });
const epoch = { group: name, groupEpoch: u64 };

export const anyRequest: fc.Arbitrary<Request> = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    protocolVersion: fc.integer({ min: 0, max: 65_535 }),
    client: text,
    token: text,
  }),
  fc
    .tuple(fc.record({ topic: name, recordCount: u32 }), checked, fc.record({ id, epoch: u32, sequence: u64 }))
    .map(([fields, bytes, producer]) => ({ type: 'produce' as const, producer, ...fields, ...bytes })),
  fc.record({ type: fc.constant('retire-producer' as const), id, epoch: u32 }),
  fc.record({
    type: fc.constant('fetch' as const),
    topic: name,
    incarnation: fc.oneof(id, fc.constant('')),
    fromOffset: u64,
    creditBytes: u32,
  }),
  fc.record({ type: fc.constant('scan' as const), like: name, from: scanPlace }),
  fc.record({ type: fc.constant('credit' as const), bytes: u32 }),
  fc.constant({ type: 'stop-fetch' as const }),
  fc
    .record({
      type: fc.constant('commit' as const),
      ...epoch,
      topic: name,
      incarnation: id,
      positions: fc.array(fc.record({ name, expectedRevision: u64, offset: u64, metadata: text }), { maxLength: 3 }),
      newTopics: fc.array(name, { maxLength: 4 }),
      topicIds: rows,
      counts: rows,
      lengths: rows,
      checked,
    })
    .map(({ checked: bytes, ...commit }) => ({ ...commit, ...bytes })),
  fc.record({ type: fc.constant('read-positions' as const), group: text, topic: text }),
  fc.record({
    type: fc.constant('list-positions' as const),
    group: text,
    topic: text,
    after: fc.record({ group: text, topic: text, name: text }),
    limit: fc.integer({ min: 1, max: 1_000 }),
  }),
  fc.record({
    type: fc.constant('list-topics' as const),
    prefix: text,
    after: text,
    limit: fc.integer({ min: 1, max: 10_000 }),
  }),
  fc.record({ type: fc.constant('create-topic' as const), topic: name }),
  fc.record({ type: fc.constant('delete-topics' as const), topics: fc.array(name, { maxLength: 5 }) }),
  fc.record({ type: fc.constant('join-group' as const), group: name, member: text, leaseMs: u32 }),
  fc.record({ type: fc.constant('heartbeat' as const), ...epoch }),
  fc.record({ type: fc.constant('leave-group' as const), ...epoch }),
  fc.record({
    type: fc.constant('join-as-publisher' as const),
    group: name,
    member: text,
    leaseMs: u32,
    source: name,
  }),
  fc.record({
    type: fc.constant('list-groups' as const),
    after: fc.record({ group: text, source: text }),
    limit: fc.integer({ min: 1, max: 1_000 }),
  }),
  fc.record({ type: fc.constant('delete-group' as const), group: name }),
  fc.record({
    type: fc.constant('delete-position' as const),
    ...epoch,
    topic: name,
    incarnation: id,
    name: text,
    expectedRevision: u64,
  }),
  fc.constant({ type: 'ping' as const }),
);

const topicInfo = fc.record({
  topic: name,
  incarnation: id,
  startOffset: u64,
  nextOffset: u64,
  bytes: u64,
  firstTimestampMs: u64,
  lastTimestampMs: u64,
});

export const anyResponse: fc.Arbitrary<Response> = fc.oneof(
  fc.record({
    type: fc.constant('hello-ok' as const),
    protocolVersion: fc.integer({ min: 0, max: 65_535 }),
    server: text,
    frameBytesMax: u32,
    messageBytesMax: u32,
  }),
  fc.record({ type: fc.constant('produced' as const), baseOffset: u64, timestampMs: u64, duplicate: fc.boolean() }),
  fc.record({ type: fc.constant('fetch-started' as const), incarnation: id, startOffset: u64, nextOffset: u64 }),
  fc.record({
    type: fc.constant('records' as const),
    batches: fc.array(
      fc
        .tuple(fc.record({ baseOffset: u64, recordCount: u32, timestampMs: u64 }), checked)
        .map(([fields, bytes]) => ({ ...fields, ...bytes })),
      { maxLength: 4 },
    ),
  }),
  fc
    .record({
      type: fc.constant('scanned' as const),
      topicIds: rows,
      baseOffsets: fc.array(u64, { maxLength: 4 }),
      counts: rows,
      lengths: rows,
      next: scanPlace,
      more: fc.boolean(),
      checked,
    })
    .map(({ checked: bytes, ...scanned }) => ({ ...scanned, ...bytes })),
  fc.record({ type: fc.constant('head' as const), nextOffset: u64, clockMs: u64 }),
  fc.record({ type: fc.constant('committed' as const), timestampMs: u64, newTopicIds: rows }),
  fc.record({
    type: fc.constant('positions' as const),
    positions: fc.array(
      fc.record({ group: text, topic: text, incarnation: id, name: text, offset: u64, revision: u64, metadata: text }),
      { maxLength: 3 },
    ),
  }),
  fc.record({
    type: fc.constant('positions-page' as const),
    positions: fc.array(
      fc.record({ group: text, topic: text, incarnation: id, name: text, offset: u64, revision: u64, metadata: text }),
      { maxLength: 3 },
    ),
    more: fc.boolean(),
  }),
  fc.record({
    type: fc.constant('topics' as const),
    topics: fc.array(topicInfo, { maxLength: 3 }),
    more: fc.boolean(),
  }),
  fc.record({ type: fc.constant('topic' as const), topic: topicInfo }),
  fc.record({ type: fc.constant('group-joined' as const), groupEpoch: u64 }),
  fc.record({
    type: fc.constant('groups' as const),
    groups: fc.array(fc.record({ group: text, epoch: u64, sources: fc.array(text, { maxLength: 3 }) }), {
      maxLength: 3,
    }),
    more: fc.boolean(),
  }),
  fc.record({ type: fc.constant('group-deleted' as const), existed: fc.boolean() }),
  fc.constant({ type: 'done' as const }),
  fc.record({ type: fc.constant('pong' as const), clockMs: u64 }),
  fc.record({ type: fc.constant('error' as const), code: text, message: text }),
);
