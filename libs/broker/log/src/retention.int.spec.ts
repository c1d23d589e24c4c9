import { afterEach, describe, expect, it } from '@jest/globals';
import { columnsOf } from '@pulses/broker-wire';
import { until } from '@pulses/testing-processes';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SILENT_LOGGER } from '@pulses/shared-ports';
import type { BrokerLog } from '@pulses/broker-log-api';
import type { OpenBrokerLogOptions } from './options';
import { openLog, publish, readMessages, settableClock, temporaryDirectories } from './testing/log-fixture';

const OPTIONS = {
  topicSegmentBytesMax: 1_000,
  materialiseDelayMs: 2,
  retentionIntervalMs: 5,
  tailBytesMax: 0,
  checkpointBytes: 4_000,
};

const directories = temporaryDirectories();
let open: BrokerLog | undefined;

async function start(directory: string, rest: Partial<OpenBrokerLogOptions>): Promise<BrokerLog> {
  open = await openLog(directory, { options: OPTIONS, ...rest });
  return open;
}

afterEach(async () => {
  await open?.close();
  await directories.removeAll();
});

const text = (at: number): string => `${at}-${'x'.repeat(90)}`;

async function fill(log: BrokerLog, topic: string, from: number, count: number): Promise<string[]> {
  const messages = Array.from({ length: count }, (_, index) => text(from + index));
  for (const one of messages) await publish(log, topic, [one]);
  return messages;
}

const segmentsOf = async (directory: string, topic: string): Promise<string[]> =>
  (await readdir(join(directory, 'topics', topic))).filter((name) => name.endsWith('.ndjson')).sort();

/** The same in small segments: what is carried into the files at once is one segment, however long, on a slow machine too. */
async function fillSegments(log: BrokerLog, directory: string, topic: string, count: number): Promise<string[]> {
  const messages: string[] = [];
  while (messages.length < count) {
    messages.push(...(await fill(log, topic, messages.length, 10)));
    await until(async () => {
      const newest = (await segmentsOf(directory, topic).catch(() => [])).at(-1);
      if (newest === undefined) return false;
      return (await readFile(join(directory, 'topics', topic, newest), 'utf8').catch(() => '')).endsWith(
        `${messages.at(-1)}\n`,
      );
    });
  }
  return messages;
}

describe('retention', () => {
  it('lets the oldest segments go while the topic is too long, keeps offsets, and says the same after a restart', async () => {
    const directory = await directories.make();
    const retention = () => ({ bytes: 3_000 });
    let log = await start(directory, { retention });
    const messages = await fillSegments(log, directory, 'a', 100);
    await until(
      async () => (log.topic('a')?.bytes ?? Infinity) <= 3_000 && (await segmentsOf(directory, 'a')).length <= 4,
    );
    const info = log.topic('a')!;
    expect(info.startOffset).toBeGreaterThan(50);
    expect(info.nextOffset).toBe(100);
    expect(info.bytes).toBe(
      Buffer.byteLength(
        messages
          .slice(info.startOffset)
          .map((one) => `${one}\n`)
          .join(''),
      ),
    );
    await expect(log.read('a', info.incarnation, info.startOffset - 1, 100)).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
    });
    await log.close();
    log = await start(directory, {});
    expect(log.topic('a')).toEqual(info);
    expect(await readMessages(log, 'a')).toEqual(messages.slice(info.startOffset));
  });

  it('lets everything go when all of it is old, and goes on at the next offset', async () => {
    const directory = await directories.make();
    const clock = settableClock(1_000_000);
    const log = await start(directory, {
      clock,
      retention: (topic) => (topic === 'a' ? { ageMs: 10_000 } : undefined),
    });
    await fill(log, 'a', 0, 30);
    const kept = await fill(log, 'b', 0, 30);
    clock.setMs(1_020_000);
    await until(() => log.topic('a')?.startOffset === 30);
    expect(log.topic('a')).toMatchObject({ startOffset: 30, nextOffset: 30, bytes: 0, firstTimestampMs: 0 });
    const fresh = await fill(log, 'a', 30, 3);
    expect(await readMessages(log, 'a')).toEqual(fresh);
    expect(log.topic('a')).toMatchObject({ startOffset: 30, firstTimestampMs: 1_020_000 });
    expect(await readMessages(log, 'b')).toEqual(kept);
    await until(async () => (await segmentsOf(directory, 'a')).length === 1);
  });

  it('never goes past the position of a group', async () => {
    const directory = await directories.make();
    const clock = settableClock(1_000_000);
    const log = await start(directory, { clock, retention: () => ({ ageMs: 1 }) });
    const { incarnation } = await log.createTopic('a');
    const groupEpoch = await log.advanceGroupEpoch('g');
    const base = { group: 'g', groupEpoch, topic: 'a', incarnation, ...columnsOf([]) };
    const position = (name: string, expectedRevision: number, offset: number) => ({
      name,
      expectedRevision,
      offset,
      metadata: '',
    });
    // Nothing goes before the positions are there: each pins the topic.
    await log.commit({ ...base, positions: [position('p', 0, 0), position('q', 0, 0)] });
    const messages = await fillSegments(log, directory, 'a', 40);
    await log.commit({ ...base, positions: [position('p', 1, 35), position('q', 1, 30)] });
    clock.setMs(2_000_000);
    await until(() => (log.topic('a')?.startOffset ?? 0) > 0);
    // Later looks change nothing.
    await publish(log, 'b', ['1']);
    await publish(log, 'b', ['2']);
    const { startOffset } = log.topic('a')!;
    expect(startOffset).toBeLessThanOrEqual(30);
    expect(await readMessages(log, 'a')).toEqual(messages.slice(startOffset));
    const below = log.commit({ ...base, positions: [position('r', 0, startOffset - 1)] });
    await expect(below).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
    await log.commit({ ...base, positions: [position('q', 2, 40), position('p', 2, 40)] });
    await until(() => log.topic('a')?.startOffset === 40);
  });

  it('is pinned by an idle group until that expires', async () => {
    const directory = await directories.make();
    const clock = settableClock(1_000_000);
    const log = await start(directory, { clock, retention: () => ({ ageMs: 1 }) });
    const { incarnation } = await log.createTopic('a');
    const groupEpoch = await log.advanceGroupEpoch('g');
    const positions = [{ name: 'p', expectedRevision: 0, offset: 0, metadata: '' }];
    await log.commit({ group: 'g', groupEpoch, topic: 'a', incarnation, positions, ...columnsOf([]) });
    const messages = await fillSegments(log, directory, 'a', 40);
    await publish(log, 'unread', ['1']);
    clock.setMs(2_000_000);
    await until(() => log.topic('unread')?.startOffset === 1);
    expect(await readMessages(log, 'a')).toEqual(messages);
    expect(await log.expireGroups(1_000_000, () => false)).toMatchObject([{ group: 'g' }]);
    await until(() => log.topic('a')?.startOffset === 40);
  });

  it('keeps all that no group has read, from the join of the first one on from its positions', async () => {
    const directory = await directories.make();
    const clock = settableClock(1_000_000);
    const removed: object[] = [];
    const logger = { ...SILENT_LOGGER, info: (fields: object) => void removed.push(fields) };
    const log = await start(directory, { clock, logger, retention: () => ({ ageMs: 1, keepsUnread: true }) });
    const messages = await fillSegments(log, directory, 'a', 40);
    await publish(log, 'other', ['1']);
    clock.setMs(2_000_000);
    const epoch = await log.advanceGroupEpoch('r');
    const { incarnation } = log.topic('other')!; // published above
    const position = (revision: number, offset: number) => [
      { name: 'p', expectedRevision: revision, offset, metadata: '' },
    ];
    const read = { group: 'r', groupEpoch: epoch, topic: 'other', incarnation, ...columnsOf([]) };
    await log.commit({ ...read, positions: position(0, 1) });
    // What is read goes; that shows that retention has looked.
    await until(() => log.topic('other')?.startOffset === 1);
    expect(await readMessages(log, 'a')).toEqual(messages);
    const groupEpoch = await log.advanceGroupEpoch('g', 'a');
    const base = { group: 'g', groupEpoch, topic: 'a', incarnation: log.topic('a')!.incarnation, ...columnsOf([]) };
    await log.commit({ ...base, positions: position(0, 40) });
    await until(() => log.topic('a')?.startOffset === 40);
    const trims = removed.filter((fields) => 'topic' in fields && fields.topic === 'a') as { messages: number }[];
    expect(trims.reduce((sum, trim) => sum + trim.messages, 0)).toBe(40);
    expect(trims[0]).toMatchObject({ fromOffset: 0 });
    expect(trims.at(-1)).toMatchObject({ toOffset: 40 });
  });

  it('is pinned by a group that has claimed the outputs and stored no position yet', async () => {
    const directory = await directories.make();
    const clock = settableClock(1_000_000);
    const log = await start(directory, { clock, retention: () => ({ ageMs: 1 }) });
    await log.advanceGroupEpoch('g', 'a');
    const messages = await fillSegments(log, directory, 'a', 40);
    await publish(log, 'unread', ['1']);
    clock.setMs(2_000_000);
    await until(() => log.topic('unread')?.startOffset === 1);
    expect(await readMessages(log, 'a')).toEqual(messages);
  });

  it('stays pinned when the owner of the outputs is deleted before it has read', async () => {
    const directory = await directories.make();
    const clock = settableClock(1_000_000);
    const log = await start(directory, { clock, retention: () => ({ ageMs: 1 }) });
    await log.advanceGroupEpoch('g', 'a');
    const messages = await fillSegments(log, directory, 'a', 20);
    const groupEpoch = await log.advanceGroupEpoch('reader');
    const positions = [{ name: 'p', expectedRevision: 0, offset: 20, metadata: '' }];
    const { incarnation } = log.topic('a')!; // published above
    await log.commit({ group: 'reader', groupEpoch, topic: 'a', incarnation, positions, ...columnsOf([]) });
    await log.deleteGroup('g');
    await publish(log, 'unread', ['1']);
    clock.setMs(2_000_000);
    await until(() => log.topic('unread')?.startOffset === 1);
    expect(await readMessages(log, 'a')).toEqual(messages);
  });
});
