import { afterEach, describe, expect, it } from '@jest/globals';
import { until } from '@pulses/testing-processes';
import { mkdir, open as openFile, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrokerLog } from '@pulses/broker-log-api';
import { topicDirectoryName } from './topic-names';
import { openLog, publish, readMessages, stamp, temporaryDirectories } from './testing/log-fixture';
import type { BrokerLogOptions } from './options';

const SMALL: Partial<BrokerLogOptions> = {
  segmentBytesMax: 20_000,
  topicSegmentBytesMax: 10_000,
  checkpointBytes: 30_000,
  tailBytesMax: 5_000,
  materialiseDelayMs: 5,
  openFilesMax: 8,
};

const directories = temporaryDirectories();
const open: BrokerLog[] = [];

async function start(directory: string, options: Partial<BrokerLogOptions> = SMALL): Promise<BrokerLog> {
  const log = await openLog(directory, { options });
  open.push(log);
  return log;
}

async function stop(log: BrokerLog): Promise<void> {
  open.splice(open.indexOf(log), 1);
  await log.close();
}

afterEach(async () => {
  for (const log of open.splice(0)) await log.close();
  await directories.removeAll();
});

async function readableLines(directory: string, topic: string): Promise<string[]> {
  const path = join(directory, 'topics', topicDirectoryName(topic));
  const names = (await readdir(path)).filter((name) => name.endsWith('.ndjson')).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(path, name), 'utf8')));
  return texts.join('').split('\n').slice(0, -1);
}

/** Deterministic messages of mixed lengths. */
function message(topic: string, at: number): string {
  return `${topic}:${at}:${'x'.repeat((at * 31) % 180)}`;
}

describe('topic files', () => {
  it('hold the messages as readable lines under the topic name', async () => {
    const directory = await directories.make();
    const log = await start(directory);
    const topic = 'tenants.a%2Eb.grouped.pulses';
    await publish(log, topic, ['{"a":1}', '{"a":2}']);
    await until(async () => (await readableLines(directory, topic).catch(() => [])).length === 2);
    expect(await readdir(join(directory, 'topics'))).toEqual([topic]);
    expect(await readableLines(directory, topic)).toEqual(['{"a":1}', '{"a":2}']);
    expect((await stat(join(directory, 'topics', topic))).mode & 0o777).toBe(0o700);
  });

  it('serve what has left memory, across segments, restarts and checkpoints', async () => {
    const directory = await directories.make();
    let log = await start(directory);
    const expected = new Map<string, string[]>();
    for (let round = 0; round < 4; round += 1) {
      for (let at = 0; at < 150; at += 1) {
        const topic = `topic-${at % 7}`;
        const messages = expected.get(topic) ?? [];
        expected.set(topic, messages);
        const fresh = Array.from({ length: 1 + (at % 9) }, (_, index) => message(topic, messages.length + index));
        messages.push(...fresh);
        await publish(log, topic, fresh, stamp(round * 150 + at));
      }
      for (const [topic, messages] of expected) expect(await readMessages(log, topic, 700)).toEqual(messages);
      await stop(log);
      log = await start(directory);
    }
    for (const [topic, messages] of expected) expect(await readMessages(log, topic, 100_000)).toEqual(messages);
    expect(await publish(log, 'topic-0', ['again'], stamp(599))).toMatchObject({ duplicate: true });
    // While it runs, a file may be cut back to what was durable, and be written again; a clean stop leaves it whole.
    await stop(log);
    for (const [topic, messages] of expected) expect(await readableLines(directory, topic)).toEqual(messages);
  });

  it('of hostile names stay in the topics directory, one plain name each', async () => {
    const directory = await directories.make();
    const log = await start(directory);
    for (const topic of ['../up', '..', '.', 'a/b', '.hidden', '~', 'x'.repeat(249), '😀'.repeat(60)]) {
      await publish(log, topic, ['1']);
      await until(async () => (await readableLines(directory, topic).catch(() => [])).length === 1);
    }
    for (const name of await readdir(join(directory, 'topics')))
      expect(name).toMatch(/^[A-Za-z0-9+][A-Za-z0-9._=%+-]*$/);
    const ours = (await readdir(directory)).filter((name) => !name.startsWith('broker.lock'));
    expect(ours.sort()).toEqual(['checkpoints', 'journal', 'topics']);
  });
});

describe('checkpoints', () => {
  it('keep two generations and retire the journal behind them', async () => {
    const directory = await directories.make();
    const log = await start(directory);
    const expected: string[] = [];
    for (let at = 0; at < 400; at += 1) {
      expected.push(message('a', at * 7), message('a', at * 7 + 1));
      await publish(log, 'a', expected.slice(-2));
    }
    // How many checkpoints that takes depends on how fast the files follow.
    await until(async () => {
      expected.push(message('a', expected.length));
      await publish(log, 'a', expected.slice(-1));
      return !(await readdir(join(directory, 'journal'))).includes('0000000000000001.journal');
    });
    expect(await readdir(join(directory, 'checkpoints'))).toHaveLength(2);
    await stop(log);
    const again = await start(directory);
    expect(await readMessages(again, 'a')).toEqual(expected);
  });

  it('fall back to the older generation when the newest is damaged, and refuse when both are', async () => {
    const directory = await directories.make();
    let log = await start(directory, { ...SMALL, checkpointBytes: 5_000 });
    const expected: string[] = [];
    for (let at = 0; at < 400; at += 1) {
      expected.push(message('a', at * 3));
      await publish(log, 'a', expected.slice(-1), stamp(at));
    }
    const checkpoints = join(directory, 'checkpoints');
    await until(async () => (await readdir(checkpoints)).length === 2);
    await stop(log);
    const damage = async (name: string): Promise<void> => {
      const file = await openFile(join(checkpoints, name), 'r+');
      await file.write(Buffer.from([0xff, 0xfe]), 0, 2, 60);
      await file.close();
    };
    const [older, newer] = (await readdir(checkpoints)).sort();
    await damage(newer!);
    log = await start(directory);
    expect(await readMessages(log, 'a')).toEqual(expected);
    expect(await publish(log, 'a', ['again'], stamp(399))).toMatchObject({ duplicate: true });
    await stop(log);
    for (const name of await readdir(checkpoints)) await damage(name);
    await expect(openLog(directory)).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
    expect(older).not.toBe(newer);
  });
});

describe('deleting', () => {
  it('removes the files, and a topic made again starts empty', async () => {
    const directory = await directories.make();
    let log = await start(directory);
    for (let at = 0; at < 100; at += 1) await publish(log, 'a', [message('a', at * 5), message('a', at)]);
    await log.deleteTopics(['a']);
    expect(log.topic('a')).toBeUndefined();
    await publish(log, 'a', ['new']);
    // The directory goes with the old topic, and comes again with the new one.
    await until(async () => (await readableLines(directory, 'a').catch(() => [])).join() === 'new');
    await stop(log);
    log = await start(directory);
    expect(await readMessages(log, 'a')).toEqual(['new']);
    await log.deleteTopics(['a']);
    await until(async () => (await readdir(join(directory, 'topics'))).length === 0);
  });
});

describe('damage', () => {
  it('in a topic file is reported to the reader with file and byte, and never served', async () => {
    const directory = await directories.make();
    let log = await start(directory);
    const expected = Array.from({ length: 100 }, (_, at) => message('a', at));
    for (const text of expected) await publish(log, 'a', [text]);
    await stop(log);
    log = await start(directory, { ...SMALL, checkpointBytes: 1 });
    await publish(log, 'b', ['1']);
    await until(async () => (await readdir(join(directory, 'checkpoints'))).length > 0);
    await stop(log);
    const path = join(
      directory,
      'topics',
      'a',
      (await readdir(join(directory, 'topics', 'a'))).find((name) => name.endsWith('.ndjson'))!,
    );
    const bytes = await readFile(path);
    bytes[500]! ^= 1;
    await writeFile(path, bytes);
    log = await start(directory);
    const info = log.topic('a')!;
    const failure = await readMessages(log, 'a', 1_000_000).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'JOURNAL_CORRUPT', message: expect.stringContaining(path) });
    const last = await log.read('a', info.incarnation, 99, 1_000);
    expect(Buffer.from(last[0]!.payload).toString()).toBe(`${expected[99]}\n`);
  });

  it('does not start from a directory with a foreign file in the place of a segment', async () => {
    const directory = await directories.make();
    await mkdir(join(directory, 'journal'), { recursive: true });
    await writeFile(join(directory, 'journal', '0000000000000001.journal'), 'x'.repeat(500));
    await expect(openLog(directory)).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
  });
});
