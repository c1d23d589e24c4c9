import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { provideNetcat } from '@pulses/testing-services';
import { startBrokerProcess, type BrokerProcess } from '@pulses/testing-system';
import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import { once } from 'node:events';
import { publishLines, readLines, sendText, subscribe } from './testing/line-client';

describe('the original line protocol', () => {
  let broker: BrokerProcess;

  beforeAll(async () => {
    broker = await startBrokerProcess();
  });
  afterAll(async () => {
    await broker.stop();
  });

  it('keeps lines up to the close, drops CR, empty lines and an unterminated last line', async () => {
    await sendText(broker.port, 'sink-connector_a_b\r\none\r\n\n\r\ntwo\n three \nlost');
    expect(await readLines(broker.port, 'a_b', 3)).toEqual(['one', 'two', ' three ']);
    await publishLines(broker.port, 'a_b', ['end']);
    expect(await readLines(broker.port, 'a_b', 4)).toEqual(['one', 'two', ' three ', 'end']);
  });

  it('takes lines that come a byte at a time', async () => {
    const socket = connect(broker.port, '127.0.0.1').setNoDelay(true);
    const closed = once(socket, 'close');
    for (const byte of Buffer.from('sink-connector_slow\nhello\r\nworld\n')) {
      if (!socket.write(Buffer.of(byte))) await once(socket, 'drain');
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.end();
    socket.resume();
    await closed;
    expect(await readLines(broker.port, 'slow', 2)).toEqual(['hello', 'world']);
  });

  it('sends stored messages and then new ones to a reader that came before the topic', async () => {
    const subscription = subscribe(broker.port, 'later');
    await publishLines(broker.port, 'later', ['1']);
    await subscription.until((lines) => lines.length === 1);
    await publishLines(broker.port, 'later', ['2', '3']);
    expect(await subscription.until((lines) => lines.length === 3)).toEqual(['1', '2', '3']);
    subscription.close();
  });

  it('gives readers that join during a load everything once and in order', async () => {
    const count = 20_000;
    const lines = Array.from({ length: count }, (_, index) => `message ${index}`);
    const readers = [];
    const publishing = publishLines(broker.port, 'busy', lines);
    for (let reader = 0; reader < 20; reader += 1) {
      readers.push(readLines(broker.port, 'busy', count));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await publishing;
    for (const read of await Promise.all(readers)) expect(read).toEqual(lines);
  });

  it('closes only the connection of a line above 4 MiB and keeps what came before', async () => {
    const limit = 4 * 1024 * 1024;
    await publishLines(broker.port, 'long', ['x'.repeat(limit)]);
    await sendText(broker.port, `sink-connector_long\nbefore\n${'y'.repeat(limit + 1)}\nafter\n`).catch(
      () => undefined,
    );
    const read = await readLines(broker.port, 'long', 2);
    expect(read.map((line) => line.slice(0, 6))).toEqual(['xxxxxx', 'before']);
    expect(read[0]?.length).toBe(limit);
    await publishLines(broker.port, 'long', ['still here']);
    expect((await readLines(broker.port, 'long', 3))[2]).toBe('still here');
  });

  it('answers an unknown first line with one line and closes', async () => {
    expect(await sendText(broker.port, 'GET / HTTP/1.1\r\n\r\n')).toMatch(/^[^\n]+\n$/);
    expect(await sendText(broker.port, '')).toBe('');
  });

  it('works with nc', async () => {
    const { path, env } = await provideNetcat();
    const netcat = (script: string) =>
      execFileSync('sh', ['-c', script], {
        encoding: 'utf8',
        timeout: 10_000,
        env: { ...process.env, ...env, NC: path },
      });
    netcat(`(echo sink-connector_source.pulses; printf 'a\\nb\\n') | "$NC" -N 127.0.0.1 ${broker.port}`);
    expect(await readLines(broker.port, 'source.pulses', 2)).toEqual(['a', 'b']);
    const read = netcat(`echo source-connector_source.pulses | "$NC" 127.0.0.1 ${broker.port} | head -n 2`);
    expect(read).toBe('a\nb\n');
  });
});
