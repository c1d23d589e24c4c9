// What a session reads of its source.

import { expect, it } from '@jest/globals';
import { isPulsesError } from '@pulses/shared-errors';
import { commitOf, failureOf, messages, proofOf, readMessages, readToTheEnd } from './session-probe';
import type { ConnectorSuite } from './suite';

export function describeReading(suite: ConnectorSuite): void {
  it('makes a source that does not exist, empty and without positions', async () => {
    const session = await suite.open();
    expect(session.source.topic).toBe(suite.topic);
    expect(session.source.incarnation).toMatch(/^[0-9a-f]{32}$/);
    expect(session.positions.size).toBe(0);
    const { messages: none, head } = await readMessages(session.read(session.startOffset), 0);
    expect(none).toEqual([]);
    expect(head.nextOffset).toBe(session.startOffset);
  });

  it('hands out every message in order, byte for byte, with rising offsets and times that never fall', async () => {
    const texts = ['a', '\x00\x01\xff', ' spaces ', '{"x":1}', 'é'.repeat(1000), 'z'.repeat(1_200_000)];
    await suite.harness.publish(suite.topic, messages(...texts.slice(0, 3)));
    await suite.harness.publish(suite.topic, messages(...texts.slice(3)));
    const session = await suite.open();
    const { messages: read, head } = await readMessages(session.read(session.startOffset), texts.length);
    expect(read.map(({ text }) => text)).toEqual(texts);
    const offsets = read.map(({ offset }) => offset);
    expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
    const times = read.map(({ timestampMs }) => timestampMs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(head.nextOffset).toBeGreaterThan(offsets.at(-1) ?? Infinity);
    expect(head.clockMs).toBeGreaterThanOrEqual(times.at(-1) ?? Infinity);
  });

  it('tells the head of the source', async () => {
    const session = await suite.open();
    const before = await session.sourceHead();
    await suite.harness.publish(suite.topic, messages('m0', 'm1'));
    const { head } = await readMessages(session.read(session.startOffset), 2);
    expect(await session.sourceHead()).toBe(head.nextOffset);
    expect(before).toBe(session.startOffset);
  });

  it('starts in the middle of a stored run, with a second stream after the first was closed', async () => {
    await suite.harness.publish(suite.topic, messages('m0', 'm1', 'm2', 'm3', 'm4'));
    const session = await suite.open();
    const first = session.read(session.startOffset);
    const { messages: all } = await readMessages(first, 5);
    first.close();
    const third = all[2];
    if (third === undefined) throw new Error('five messages were published');
    const { messages: rest } = await readMessages(session.read(third.offset), 3);
    expect(rest).toEqual(all.slice(2));
  });

  it('gives messages that come after a head no earlier time than its clock', async () => {
    const session = await suite.open();
    const stream = session.read(session.startOffset);
    let clockMs = (await readMessages(stream, 0)).head.clockMs;
    for (let round = 0; round < 20; round += 1) {
      await suite.harness.publish(suite.topic, messages(`round ${round}`));
      const { messages: read, head } = await readMessages(stream, 1);
      for (const { timestampMs } of read) expect(timestampMs).toBeGreaterThanOrEqual(clockMs);
      clockMs = head.clockMs;
    }
  });

  it('proves on an idle source that the log has passed a time, once and again', async () => {
    await suite.harness.publish(suite.topic, messages('m0'));
    const session = await suite.open();
    const stream = session.read(session.startOffset);
    let { head } = await readMessages(stream, 1);
    for (let proof = 0; proof < 3; proof += 1) {
      const next = await proofOf(stream, head.clockMs + 100);
      expect(next.nextOffset).toBeGreaterThanOrEqual(head.nextOffset);
      head = next;
    }
    await suite.harness.publish(suite.topic, messages('late'));
    const { messages: late } = await readMessages(stream, 1);
    expect(late.map(({ text }) => text)).toEqual(['late']);
    expect(late[0]?.offset).toBeGreaterThanOrEqual(head.nextOffset);
    expect(late[0]?.timestampMs).toBeGreaterThanOrEqual(head.clockMs);
  });

  it('proves a time on a source that never had a message', async () => {
    const session = await suite.open();
    const stream = session.read(session.startOffset);
    const { head } = await readMessages(stream, 0);
    await proofOf(stream, head.clockMs + 100);
  });

  it('proves the time that was asked for last, also over a second stream', async () => {
    await suite.harness.publish(suite.topic, messages('m0'));
    const session = await suite.open();
    const first = session.read(session.startOffset);
    const { head } = await readMessages(first, 1);
    first.provePast(head.clockMs + 3_600_000);
    const { nextOffset, clockMs } = await proofOf(first, head.clockMs + 100);
    first.provePast(clockMs + 100);
    first.close();
    await proofOf(session.read(nextOffset), clockMs + 200);
  });

  it('gives no head in front of messages that are stored already, whatever proof is wanted', async () => {
    const session = await suite.open();
    const stream = session.read(session.startOffset);
    let { head } = await readMessages(stream, 0);
    for (let round = 0; round < 10; round += 1) {
      stream.provePast(head.clockMs + 20);
      const publishing = suite.harness.publish(suite.topic, messages(`round ${round}`));
      const { messages: read, head: next } = await readMessages(stream, 1);
      await publishing;
      for (const { timestampMs } of read) expect(timestampMs).toBeGreaterThanOrEqual(head.clockMs);
      expect(next.nextOffset).toBeGreaterThan(read.at(-1)?.offset ?? Infinity);
      head = next;
    }
  });

  it('ends a session whose source is deleted, and starts the new source with nothing', async () => {
    await suite.harness.publish(suite.topic, messages('old'));
    const session = await suite.open();
    await session.commit(commitOf(['gone'], 'old line', { offset: 1, metadata: '' }));
    const stream = session.read(session.startOffset);
    await readMessages(stream, 1);
    const ended = failureOf(readToTheEnd(stream));
    await suite.harness.deleteSource(suite.topic);
    expect(isPulsesError(await ended, 'TOPIC_UNKNOWN')).toBe(true);
    await session.close();

    const next = await suite.open();
    expect(next.source.incarnation).not.toBe(session.source.incarnation);
    expect(next.positions.size).toBe(0);
  });
}
