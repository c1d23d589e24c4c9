import { afterEach, describe, expect, it } from '@jest/globals';
import type { BrokerLog } from '@pulses/broker-log-api';
import { columnsOf } from '@pulses/broker-wire';
import {
  lines,
  openLog,
  publish,
  readMessages,
  settableClock,
  stamp,
  temporaryDirectories,
} from './testing/log-fixture';

const directories = temporaryDirectories();
const open: BrokerLog[] = [];

async function start(directory: string, rest: Parameters<typeof openLog>[1] = {}): Promise<BrokerLog> {
  const log = await openLog(directory, rest);
  open.push(log);
  return log;
}

async function restart(log: BrokerLog, directory: string): Promise<BrokerLog> {
  await stop(log);
  return await start(directory);
}

async function stop(log: BrokerLog): Promise<void> {
  open.splice(open.indexOf(log), 1);
  await log.close();
}

afterEach(async () => {
  for (const log of open.splice(0)) await log.close();
  await directories.removeAll();
});

describe('append', () => {
  it('gives dense offsets and keeps messages across a restart', async () => {
    const directory = await directories.make();
    let log = await start(directory);
    expect(await publish(log, 'a', ['1', '2'])).toMatchObject({ baseOffset: 0, duplicate: false });
    expect(await publish(log, 'a', ['3'])).toMatchObject({ baseOffset: 2 });
    expect(await publish(log, 'b', ['x'])).toMatchObject({ baseOffset: 0 });
    log = await restart(log, directory);
    expect(await readMessages(log, 'a')).toEqual(['1', '2', '3']);
    expect(await publish(log, 'a', ['4'])).toMatchObject({ baseOffset: 3 });
    expect(await readMessages(log, 'a', 1)).toEqual(['1', '2', '3', '4']);
  });

  it('shows nothing before it is durable, and wakes listeners after', async () => {
    const log = await start(await directories.make());
    const seen: (number | undefined)[] = [];
    const stopListening = log.onChange('a', () => seen.push(log.topic('a')?.nextOffset));
    const appended = publish(log, 'a', ['1']);
    expect(log.topic('a')).toBeUndefined();
    await appended;
    expect(seen).toEqual([1]);
    stopListening();
    await publish(log, 'a', ['2']);
    expect(seen).toEqual([1]);
  });

  it('refuses what is not messages, and what is too large, and stores nothing of it', async () => {
    const log = await start(await directories.make());
    const bad = { topic: 'a', recordCount: 2, payload: Buffer.from('1\n') };
    await expect(log.append(bad)).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    const long = lines('x'.repeat(4 * 1024 * 1024 + 1));
    await expect(log.append({ topic: 'a', ...long })).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    await expect(publish(log, '', ['1'])).rejects.toMatchObject({ code: 'TOPIC_INVALID' });
    expect(log.topics({ prefix: '', after: '', limit: 10 })).toEqual({ topics: [], more: false });
  });

  it('refuses more than may wait, without losing what waits', async () => {
    const log = await start(await directories.make(), { options: { pendingBytesMax: 3_500 } });
    const text = 'x'.repeat(1_000);
    const results = await Promise.allSettled([1, 2, 3].map(() => publish(log, 'a', [text])));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(results[2]).toMatchObject({ reason: { code: 'OVERLOADED' } });
    expect(await readMessages(log, 'a')).toEqual([text, text]);
  });

  it('serves large payloads and many small ones from memory and from disk alike', async () => {
    const directory = await directories.make();
    let log = await start(directory, { options: { tailBytesMax: 100_000 } });
    const expected: string[] = [];
    for (let round = 0; round < 30; round += 1) {
      const messages = Array.from(
        { length: 1 + ((round * 37) % 400) },
        (_, index) => `${round}-${index}-${'y'.repeat(round * 7)}`,
      );
      expected.push(...messages);
      await publish(log, 'a', messages);
    }
    expect(await readMessages(log, 'a', 10_000)).toEqual(expected);
    log = await restart(log, directory);
    expect(await readMessages(log, 'a', 10_000)).toEqual(expected);
  });
});

describe('producers', () => {
  it('answers a repeat with the first offsets, also in one group and after a restart', async () => {
    const directory = await directories.make();
    let log = await start(directory);
    const [first, again] = await Promise.all([publish(log, 'a', ['1'], stamp(0)), publish(log, 'a', ['1'], stamp(0))]);
    expect(again).toEqual({ ...first, duplicate: true });
    const second = await publish(log, 'a', ['2'], stamp(1));
    log = await restart(log, directory);
    expect(await publish(log, 'a', ['1'], stamp(0))).toEqual({ ...first, duplicate: true });
    expect(await publish(log, 'a', ['2'], stamp(1))).toEqual({ ...second, duplicate: true });
    expect(await readMessages(log, 'a')).toEqual(['1', '2']);
  });

  it('gives pipelined repeats their own original offsets', async () => {
    const log = await start(await directories.make());
    const send = (): Promise<unknown>[] =>
      Array.from({ length: 64 }, (_, at) => publish(log, 'a', [`m${at}`], stamp(at)));
    const first = (await Promise.all(send())) as { baseOffset: number }[];
    const again = (await Promise.all(send())) as { baseOffset: number; duplicate: boolean }[];
    expect(again.map(({ baseOffset }) => baseOffset)).toEqual(first.map(({ baseOffset }) => baseOffset));
    expect(again.every(({ duplicate }) => duplicate)).toBe(true);
  });

  it('refuses a gap and fences a lower epoch', async () => {
    const log = await start(await directories.make());
    await publish(log, 'a', ['1'], stamp(0));
    await expect(publish(log, 'a', ['3'], stamp(2))).rejects.toMatchObject({ code: 'SEQUENCE_GAP' });
    await expect(publish(log, 'a', ['x'], stamp(5, 1))).rejects.toMatchObject({ code: 'SEQUENCE_GAP' });
    await publish(log, 'a', ['2'], stamp(0, 1));
    await expect(publish(log, 'a', ['2'], stamp(1, 0))).rejects.toMatchObject({ code: 'FENCED' });
    expect(await readMessages(log, 'a')).toEqual(['1', '2']);
  });

  it('keeps a retired producer fenced across a restart', async () => {
    const directory = await directories.make();
    let log = await start(directory);
    await publish(log, 'a', ['1'], stamp(0, 3));
    await log.retireProducer(stamp(0).id, 3);
    log = await restart(log, directory);
    await expect(publish(log, 'a', ['1'], stamp(0, 3))).rejects.toMatchObject({ code: 'FENCED' });
    await log.retireProducer(stamp(0).id, 3);
    await expect(log.retireProducer(stamp(0).id, 1)).resolves.toBeUndefined();
    expect(await publish(log, 'a', ['2'], stamp(0, 4))).toMatchObject({ duplicate: false });
  });
});

describe('commit', () => {
  const change = (expectedRevision: number, offset: number) => ({
    name: 'p',
    expectedRevision,
    offset,
    metadata: `m${offset}`,
  });

  async function withGroup(directory: string): Promise<{ log: BrokerLog; incarnation: string; groupEpoch: number }> {
    const log = await start(directory);
    await publish(log, 'source', ['1', '2', '3', '4', '5', '6']);
    const { incarnation } = await log.createTopic('source');
    return { log, incarnation, groupEpoch: await log.advanceGroupEpoch('g') };
  }

  it('stores outputs and positions in one step', async () => {
    const directory = await directories.make();
    const { log, incarnation, groupEpoch } = await withGroup(directory);
    const appends = ['x', 'y', 'x'].map((topic, at) => ({ topic, ...lines(`${topic}${at}`) }));
    const base = { group: 'g', groupEpoch, topic: 'source', incarnation };
    await log.commit({ ...base, positions: [change(0, 5)], ...columnsOf(appends) });
    const again = await restart(log, directory);
    expect(await readMessages(again, 'x')).toEqual(['x0', 'x2']);
    expect(await readMessages(again, 'y')).toEqual(['y1']);
    expect(await again.positions('', '')).toEqual([
      { group: 'g', topic: 'source', incarnation, name: 'p', offset: 5, revision: 1, metadata: 'm5' },
    ]);
    await again.commit({ ...base, positions: [change(1, 6)], ...columnsOf([]) });
    expect(await again.positions('g', 'source')).toMatchObject([{ offset: 6, revision: 2 }]);
    expect(await again.positions('other', '')).toEqual([]);
  });

  it('refuses a revision that is not the stored one, also within a group, and stores none of it', async () => {
    const { log, incarnation, groupEpoch } = await withGroup(await directories.make());
    const commit = (offset: number) =>
      log.commit({
        group: 'g',
        groupEpoch,
        topic: 'source',
        incarnation,
        positions: [change(0, offset)],
        ...columnsOf([{ topic: 'x', ...lines(`${offset}`) }]),
      });
    const results = await Promise.allSettled([commit(1), commit(2)]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(results[1]).toMatchObject({ reason: { code: 'POSITION_CONFLICT' } });
    expect(await readMessages(log, 'x')).toEqual(['1']);
  });

  it('fences every other epoch of the group, across a restart', async () => {
    const directory = await directories.make();
    const { log, incarnation, groupEpoch } = await withGroup(directory);
    expect(await log.advanceGroupEpoch('g')).toBe(groupEpoch + 1);
    const again = await restart(log, directory);
    const stale = { group: 'g', groupEpoch, topic: 'source', incarnation, positions: [], ...columnsOf([]) };
    await expect(again.commit(stale)).rejects.toMatchObject({ code: 'FENCED' });
    await expect(again.commit({ ...stale, groupEpoch: groupEpoch + 2 })).rejects.toMatchObject({ code: 'FENCED' });
    expect(await again.advanceGroupEpoch('g')).toBe(groupEpoch + 2);
  });

  it('refuses positions of a topic that was made again', async () => {
    const { log, incarnation, groupEpoch } = await withGroup(await directories.make());
    const old = { group: 'g', groupEpoch, topic: 'source', incarnation, positions: [change(0, 1)], ...columnsOf([]) };
    await log.commit(old);
    expect(await log.deleteTopics(['source', 'absent'])).toEqual(['source']);
    const made = await log.createTopic('source');
    expect(made.incarnation).not.toBe(incarnation);
    await expect(log.commit(old)).rejects.toMatchObject({ code: 'POSITION_CONFLICT' });
    expect(await log.positions('', '')).toEqual([]);
    await expect(log.read('source', incarnation, 0, 100)).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN' });
  });
});

describe('topics', () => {
  it('lists names in the order of their bytes, by prefix and after a name', async () => {
    const log = await start(await directories.make());
    const names = ['b', 'a.1', 'a.2', 'a', '\u{1F600}', '\uFFFD', 'é'];
    for (const name of names) await log.createTopic(name);
    const sorted = [...names].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
    const list = (prefix: string, after: string, limit: number) => {
      const { topics, more } = log.topics({ prefix, after, limit });
      return { names: topics.map(({ topic }) => topic), more };
    };
    expect(list('', '', 100)).toEqual({ names: sorted, more: false });
    expect(list('a', 'a', 1)).toEqual({ names: ['a.1'], more: true });
    expect(list('a.', 'a.1', 5)).toEqual({ names: ['a.2'], more: false });
    expect(list('', '\uFFFD', 5)).toEqual({ names: ['\u{1F600}'], more: false });
  });

  it('says what it holds, and refuses offsets outside', async () => {
    const clock = settableClock(1_000);
    const log = await start(await directories.make(), { clock });
    await publish(log, 'a', ['12', '3']);
    clock.setMs(2_000);
    await publish(log, 'a', ['4']);
    const info = log.topic('a')!; // made above
    expect(info).toMatchObject({
      startOffset: 0,
      nextOffset: 3,
      bytes: 7,
      firstTimestampMs: 1_000,
      lastTimestampMs: 2_000,
    });
    expect(await log.read('a', info.incarnation, 3, 100)).toEqual([]);
    await expect(log.read('a', info.incarnation, 4, 100)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
  });
});

describe('time', () => {
  it('never runs backwards, within a run and across restarts', async () => {
    const directory = await directories.make();
    const clock = settableClock(5_000);
    let log = await start(directory, { clock });
    await publish(log, 'a', ['1']);
    clock.setMs(9_000);
    expect(log.clockMs()).toBe(9_000);
    clock.setMs(1_000);
    expect(log.clockMs()).toBe(9_000);
    expect(await publish(log, 'b', ['1'])).toMatchObject({ timestampMs: 9_000 });
    clock.setMs(10_000);
    expect(log.clockMs()).toBe(10_000);
    await stop(log);
    clock.setMs(2_000);
    log = await start(directory, { clock });
    expect(await publish(log, 'a', ['2'])).toMatchObject({ timestampMs: 10_000 });
  });

  it('stands still while a frame that holds an earlier time is under way', async () => {
    const clock = settableClock(5_000);
    const log = await start(await directories.make(), { clock });
    const appended = publish(log, 'a', ['1']);
    await Promise.resolve();
    await Promise.resolve();
    clock.setMs(8_000);
    const during = log.clockMs();
    const { timestampMs } = await appended;
    expect(during).toBeLessThanOrEqual(timestampMs);
    expect(log.clockMs()).toBe(8_000);
  });
});

describe('the data directory', () => {
  it('opens for one log at a time', async () => {
    const directory = await directories.make();
    const log = await start(directory);
    await expect(openLog(directory)).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
    const again = await restart(log, directory);
    expect(again.topics({ prefix: '', after: '', limit: 1 }).topics).toEqual([]);
  });

  it('goes on over many journal segments', async () => {
    const directory = await directories.make();
    let log = await start(directory, { options: { segmentBytesMax: 2_000 } });
    const expected: string[] = [];
    for (let at = 0; at < 50; at += 1) {
      expected.push(`message ${at} ${'z'.repeat(100)}`);
      await publish(log, 'a', expected.slice(-1));
    }
    log = await restart(log, directory);
    log = await restart(log, directory);
    expect(await readMessages(log, 'a')).toEqual(expected);
  });

  it('refuses everything once it is closing', async () => {
    const log = await openLog(await directories.make());
    const before = publish(log, 'a', ['1']);
    const closed = log.close();
    await expect(publish(log, 'a', ['2'])).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await expect(before).resolves.toMatchObject({ baseOffset: 0 });
    await closed;
  });
});
