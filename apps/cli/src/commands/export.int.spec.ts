// The command against a broker in this process, and files on a real disk.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openSegmentLog, type SegmentLog } from '@pulses/broker-segment-log';
import { createBrokerServer, type BrokerServer } from '@pulses/broker-server';
import { PRODUCER_KEPT_MS } from '@pulses/broker-wire';
import { nodeClock, nodeFileSystem, nodeNetwork, nodeRandom } from '@pulses/shared-node-platform';
import { SILENT_LOGGER } from '@pulses/shared-ports';
import { nodeProcess } from '@pulses/shared-process';
import { makeTempDirectory, until, type TempDirectory } from '@pulses/testing-processes';
import type { Terminal } from '../terminal';
import { exportCommand } from './export';

const thisProcess = nodeProcess();

type SignalHandler = (signal: 'SIGINT' | 'SIGTERM', early: number) => void;

describe('pulses export', () => {
  let directory: TempDirectory;
  let log: SegmentLog;
  let server: BrokerServer;
  let port: number;
  /** Set once the command listens for signals. */
  let onSignal: SignalHandler | undefined;
  const to = (...path: string[]): string => join(directory.path, 'out', ...path);

  async function startBroker(name: string): Promise<void> {
    const platform = { clock: nodeClock, random: nodeRandom, fileSystem: nodeFileSystem };
    log = await openSegmentLog({ ...platform, directory: join(directory.path, name) });
    server = createBrokerServer({
      log,
      network: nodeNetwork,
      clock: nodeClock,
      logger: SILENT_LOGGER,
      serverName: 'test',
      producerExpiryMs: PRODUCER_KEPT_MS,
    });
    port = await server.listen({ host: '127.0.0.1', port: 0 });
  }

  async function stopBroker(): Promise<void> {
    await server.close(0);
    await log.close();
  }

  beforeEach(async () => {
    directory = await makeTempDirectory();
    onSignal = undefined;
    await startBroker('data');
  });
  afterEach(async () => {
    await stopBroker();
    await directory.remove();
  });

  const publish = (topic: string, ...lines: readonly string[]) =>
    log.append({
      topic,
      recordCount: lines.length,
      payload: Buffer.from(lines.map((line) => `${line}\n`).join('')),
    });

  async function run(args: readonly string[], { isSignalled = false } = {}) {
    let written = '';
    const terminal: Terminal = {
      isInteractive: false,
      showsProgress: false,
      canAsk: false,
      ask: () => Promise.resolve(''),
      write: (data) => {
        written += data.toString();
        return Promise.resolve();
      },
      flush: () => Promise.resolve(),
      note: () => undefined,
      input: () => {
        throw new TypeError('the command reads no standard input');
      },
    };
    const host = {
      ...thisProcess,
      env: {},
      onSignal: (handler: SignalHandler) => {
        onSignal = handler;
        if (isSignalled) handler('SIGINT', 0);
      },
    };
    const code = await exportCommand.run([`--port=${port}`, ...args], host, terminal);
    return { code, totals: JSON.parse(written) as unknown };
  }

  const whole = (...args: string[]) => run([`--to=${to()}`, ...args]);

  async function textOf(topic: string): Promise<string> {
    const names = await readdir(to(topic)).catch(() => []);
    const texts = await Promise.all(names.sort().map((name) => readFile(to(topic, name), 'utf8')));
    return texts.join('');
  }

  it('writes every topic, and what came since when it is run again', async () => {
    await publish('a', '1', '2');
    await publish('b/c', 'x');
    await log.createTopic('empty');
    expect(await whole()).toEqual({
      code: 0,
      totals: { topics_written: 2, messages_written: 3, bytes_written: 6, to: to() },
    });
    expect([await textOf('a'), await textOf('b+2Fc')]).toEqual(['1\n2\n', 'x\n']);
    expect((await readdir(to())).sort()).toEqual(['.export', 'a', 'b+2Fc']);
    await publish('a', '3');
    // As a kill in the middle of a line leaves it.
    await truncate(to('b+2Fc', '0000000000000000.ndjson'), 1);
    expect((await whole()).totals).toMatchObject({ topics_written: 2, messages_written: 2 });
    expect([await textOf('a'), await textOf('b+2Fc')]).toEqual(['1\n2\n3\n', 'x\n']);
  });

  it('writes the topics that are named, and only those that are there', async () => {
    for (const topic of ['a', 'ab', 'b']) await publish(topic, topic);
    await whole('a', 'b');
    expect((await readdir(to())).sort()).toEqual(['.export', 'a', 'b']);
    await expect(whole('a', 'absent')).rejects.toMatchObject({ code: 'TOPIC_UNKNOWN' });
  });

  it('writes any number of topics', async () => {
    const names = Array.from({ length: 1_001 }, (_, index) => `t${index}`);
    await Promise.all(names.map((name) => publish(name, name)));
    expect((await whole()).totals).toMatchObject({ topics_written: 1_001, messages_written: 1_001 });
    for (const name of names) expect(await textOf(name)).toBe(`${name}\n`);
  });

  it('follows until a signal ends it', async () => {
    await publish('a', '1');
    const following = whole('--follow');
    await until(async () => (await textOf('a')) === '1\n');
    await publish('a', '2');
    await publish('new', '3');
    await until(async () => (await textOf('a')) === '1\n2\n' && (await textOf('new')) === '3\n');
    await expect(whole()).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
    onSignal?.('SIGINT', 0);
    expect(await following).toMatchObject({ code: 0, totals: { messages_written: 3 } });
  });

  it('says what it has written when a signal comes before the end', async () => {
    await publish('a', '1');
    expect(await run([`--to=${to()}`], { isSignalled: true })).toMatchObject({
      code: 130,
      totals: { messages_written: 0 },
    });
    expect(await whole()).toMatchObject({ code: 0, totals: { messages_written: 1 } });
  });

  it('is refused without a directory, in one of something else, and below a file', async () => {
    await publish('a', '1');
    await expect(run([])).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(/^--to/) });
    await mkdir(to());
    await writeFile(to('letter'), '');
    for (const path of [to(), to('letter', 'below'), '/proc/out'])
      await expect(run([`--to=${path}`])).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(`--to: '${path}' is not valid`),
      });
    expect(await readdir(to())).toEqual(['letter']);
  });

  it('is refused in the data directory of a broker, and in the files of another log', async () => {
    await publish('a', '1');
    await expect(run([`--to=${join(directory.path, 'data')}`])).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
    await whole();
    await stopBroker();
    await startBroker('other');
    await publish('b', '1');
    await expect(whole()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('another log'),
    });
  });

  it('is refused for a topic that was deleted and made again', async () => {
    await publish('a', '1');
    await whole();
    await log.deleteTopics(['a']);
    expect((await whole()).code).toBe(0);
    await publish('a', 'new');
    await expect(whole()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('topic a'),
    });
    expect(await textOf('a')).toBe('1\n');
  });
});
