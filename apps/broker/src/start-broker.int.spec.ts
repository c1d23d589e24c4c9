// The broker as main.ts wires it, in this process: settings, TLS, token, health and metrics. What the parts do has its
// tests where they are.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  createFrameAssembler,
  decodeResponse,
  encodeRequest,
  payloadOf,
  PREAMBLE,
  PROTOCOL_VERSION,
  type Request,
  type Response,
} from '@pulses/broker-wire';
import { nodeNetwork } from '@pulses/shared-node-platform';
import type { Logger } from '@pulses/shared-ports';
import type { Service } from '@pulses/shared-service-host';
import { parseSettings } from '@pulses/shared-settings';
import {
  freePort,
  makeCertificate,
  makeTempDirectory,
  until,
  untilAnswered,
  type TempDirectory,
} from '@pulses/testing-processes';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { brokerSettings } from './settings';
import { startBroker } from './start-broker';

const TOKEN = 'a token of the tests';

interface Ready {
  readonly service: Service;
  readonly port: number;
  readonly httpPort: number;
  readonly log: string;
}

describe('a broker', () => {
  let directory: TempDirectory;
  const running: Service[] = [];
  let token = TOKEN;
  let reload: () => Promise<void> = () => Promise.resolve();

  beforeEach(async () => {
    token = TOKEN;
    directory = await makeTempDirectory();
  });
  afterEach(async () => {
    for (const service of running.splice(0)) await service.stop();
    await directory.remove();
  });

  const dataDir = () => join(directory.path, 'data');

  async function start(...args: readonly string[]): Promise<Ready> {
    const read = () =>
      parseSettings(brokerSettings, {
        argv: ['--port=0', '--http-port=0', `--data-dir=${dataDir()}`, ...args],
        env: { PULSES_AUTH_TOKEN_FILE: args.includes('--tls-cert-file') ? join(directory.path, 'token') : undefined },
        readFile: () => `${token}\n`,
      });
    const { values } = read();
    const events: object[] = [];
    const note = (fields: object, message: string) => events.push({ ...fields, message });
    const logger: Logger = { debug: note, info: note, warn: note, error: note, fatal: note };
    const service = await startBroker(values, logger, {
      logLinesDropped: () => 0,
      rereadSettings: () => read().values,
      onReload: (handler) => (reload = handler),
    });
    running.push(service);
    const ready = events.at(-1) as { message: string; port: number; httpPort: number };
    expect(ready).toMatchObject({ message: 'broker ready', dataDir: dataDir(), fsync: 'always' });
    return { service, port: ready.port, httpPort: ready.httpPort, log: JSON.stringify(events) };
  }

  /** Sends requests one after the other over a connection of its own; the answers until the broker closes or has answered all. */
  async function ask(port: number, requests: readonly Request[], caPem?: string): Promise<Response[]> {
    const socket = await nodeNetwork.connect({
      host: '127.0.0.1',
      port,
      timeoutMs: 10_000,
      ...(caPem === undefined ? {} : { tls: { caPem } }),
    });
    const assembler = createFrameAssembler();
    const answers: Response[] = [];
    return new Promise((resolve) => {
      const sendNext = () => {
        const request = requests[answers.length];
        if (request === undefined) socket.end();
        else for (const part of encodeRequest(answers.length, request)) socket.write(part);
      };
      socket.handle({
        onData: (bytes) => {
          for (const frame of assembler.push(bytes)) {
            answers.push(decodeResponse(frame));
            sendNext();
          }
        },
        onDrain: () => undefined,
        onEnd: () => {
          socket.end();
        },
        onClose: () => {
          resolve(answers);
        },
      });
      socket.write(PREAMBLE);
      sendNext();
    });
  }

  const hello = (token: string): Request => ({
    type: 'hello',
    protocolVersion: PROTOCOL_VERSION,
    client: 'spec',
    token,
  });
  /** By a producer of its own. */
  const produce = (topic: string, ...messages: readonly string[]): Request => ({
    type: 'produce',
    producer: { id: randomBytes(16).toString('hex'), epoch: 0, sequence: 0 },
    topic,
    recordCount: messages.length,
    ...payloadOf(Buffer.from(messages.map((message) => `${message}\n`).join(''))),
  });

  it('serves over TLS who shows the token, and nobody else', async () => {
    const { certificatePath, privateKeyPath, certificatePem } = await makeCertificate(directory.path);
    const { port, log } = await start('--tls-cert-file', certificatePath, '--tls-key-file', privateKeyPath);
    const served = await ask(port, [hello(TOKEN), produce('source.pulses', 'one', 'two')], certificatePem);
    expect(served).toMatchObject([{ type: 'hello-ok' }, { type: 'produced', baseOffset: 0, duplicate: false }]);
    for (const token of ['', 'another token', `${TOKEN}x`])
      expect(await ask(port, [hello(token), { type: 'ping' }], certificatePem)).toMatchObject([
        { type: 'error', code: 'UNAUTHENTICATED' },
      ]);
    expect(await ask(port, [produce('source.pulses', 'three')], certificatePem)).toMatchObject([
      { type: 'error', code: 'UNAUTHENTICATED' },
    ]);
    expect(await ask(port, [hello(TOKEN)])).toEqual([]);
    expect(log).not.toContain(TOKEN);
  });

  it('takes another token and another certificate at a reload, with clients connected', async () => {
    const old = await makeCertificate(directory.path);
    const flags = ['--tls-cert-file', old.certificatePath, '--tls-key-file', old.privateKeyPath, '--http-auth=on'];
    const { port, httpPort } = await start(...flags);
    const metricsWith = async (shown: string) =>
      (await fetch(`http://127.0.0.1:${httpPort}/metrics`, { headers: { authorization: `Bearer ${shown}` } })).status;
    expect([await metricsWith(TOKEN), await metricsWith('the next token')]).toEqual([200, 401]);
    const connected = await nodeNetwork.connect({
      host: '127.0.0.1',
      port,
      timeoutMs: 10_000,
      tls: { caPem: old.certificatePem },
    });
    token = 'the next token';
    const next = await makeCertificate(directory.path);
    await reload();
    expect(await ask(port, [hello(token)], next.certificatePem)).toMatchObject([{ type: 'hello-ok' }]);
    expect(await ask(port, [hello(TOKEN)], next.certificatePem)).toMatchObject([{ code: 'UNAUTHENTICATED' }]);
    expect([await metricsWith(TOKEN), await metricsWith(token)]).toEqual([401, 200]);
    await expect(ask(port, [hello(token)], old.certificatePem)).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    expect(connected.write(Buffer.from(PREAMBLE))).toBe(true);
    connected.destroy();
    token = '\n';
    await expect(reload()).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(await ask(port, [hello('the next token')], next.certificatePem)).toMatchObject([{ type: 'hello-ok' }]);
  });

  it('shows the metrics of the contract, by kind of topic and never by tenant', async () => {
    const { port, httpPort } = await start();
    const metricsOf = async () => (await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text()).split('\n');
    expect(await metricsOf()).toContain('pulses_appended_total{topic_kind="source"} 0');
    expect(await metricsOf()).toContain('pulses_unsealed_bytes 0');
    await ask(port, [hello(''), produce('source.pulses', 'one', 'two', 'three')]);
    await ask(port, [hello(''), produce('tenants.acme.grouped.pulses', 'x')]);
    const lines = await metricsOf();
    expect(lines.filter((line) => line.startsWith('pulses_appended_total'))).toEqual([
      'pulses_appended_total{topic_kind="source"} 3',
      'pulses_appended_total{topic_kind="grouped"} 1',
      'pulses_appended_total{topic_kind="aggregated"} 0',
      'pulses_appended_total{topic_kind="dead_letter"} 0',
    ]);
    expect(lines.filter((line) => line.startsWith('pulses_fsync_seconds_bucket'))).toHaveLength(17);
    const [count = ''] = lines.filter((line) => line.startsWith('pulses_fsync_seconds_count'));
    expect(Number(count.split(' ')[1])).toBeGreaterThanOrEqual(2);
    expect(lines.join('\n')).not.toContain('acme');
  });

  it('is not ready, and says why, while it recovers', async () => {
    // A pipe where the journal has its attestation: opening it blocks until a writer comes.
    await mkdir(join(dataDir(), 'journal'), { recursive: true, mode: 0o700 });
    const pipe = join(dataDir(), 'journal', 'attested');
    await promisify(execFile)('mkfifo', [pipe]);
    const httpPort = await freePort();
    const started = start(`--http-port=${httpPort}`);
    const get = (path: string) => fetch(`http://127.0.0.1:${httpPort}${path}`);
    const recovering = await untilAnswered(() => get('/readyz'));
    expect([recovering.status, await recovering.json()]).toEqual([
      503,
      { status: 'not ready', reason: 'recovering the data directory' },
    ]);
    expect((await get('/healthz')).status).toBe(200);
    await writeFile(pipe, '');
    await started;
    expect((await get('/readyz')).status).toBe(200);
  });

  it('is not ready once its data directory is gone, also when a part of it is made anew', async () => {
    const { httpPort } = await start();
    const answer = async () => (await fetch(`http://127.0.0.1:${httpPort}/readyz`)).json();
    expect(await answer()).toEqual({ status: 'ready' });
    await rename(dataDir(), `${dataDir()}.moved`);
    await mkdir(join(dataDir(), 'topics'), { recursive: true });
    const gone = JSON.stringify({ status: 'not ready', reason: 'the data directory is gone' });
    await until(async () => JSON.stringify(await answer()) === gone);
  });

  it('keeps its data directory to its owner, and what it acknowledged over a restart', async () => {
    const first = await start();
    await ask(first.port, [hello(''), produce('source.pulses', 'one')]);
    await running.pop()?.stop();
    await expect(fetch(`http://127.0.0.1:${first.httpPort}/healthz`)).rejects.toThrow();
    expect(((await stat(dataDir())).mode & 0o777).toString(8)).toBe('700');
    const second = await start();
    const [, topics] = await ask(second.port, [hello(''), { type: 'list-topics', prefix: '', after: '', limit: 10 }]);
    expect(topics).toMatchObject({
      type: 'topics',
      topics: [{ topic: 'source.pulses', startOffset: 0, nextOffset: 1 }],
    });
  });

  it.each<[string, readonly string[], RegExp]>([
    ['a lone certificate', ['--tls-cert-file=/c'], /--tls-cert-file and --tls-key-file: only one is given/],
    ['a lone key', ['--tls-key-file=/k'], /--tls-cert-file and --tls-key-file: only one is given/],
    [
      'files that are not there',
      ['--tls-cert-file=/none/c', '--tls-key-file=/none/k'],
      /--tls-cert-file: '\/none\/c' .*ENOENT/,
    ],
    ['an open address', ['--host=0.0.0.0'], /--host: '0\.0\.0\.0' .*--insecure-bind/],
    [
      'a length below a segment',
      ['--retention-bytes=grouped=1MiB'],
      /--retention-bytes: '1MiB' .*--segment-bytes.* 64MiB/,
    ],
    ['an open HTTP address', ['--http-host=0.0.0.0'], /--http-host: '0\.0\.0\.0' .*--insecure-bind/],
  ])('refuses %s before it touches the data directory', async (_what, args, line) => {
    await expect(start(...args)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(line) as unknown,
    });
    await expect(stat(dataDir())).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('refuses a certificate that is none, and leaves nothing open', async () => {
    const files = await makeCertificate(directory.path);
    await writeFile(files.certificatePath, 'not a certificate');
    const httpPort = await freePort();
    const started = start(
      `--http-port=${httpPort}`,
      '--tls-cert-file',
      files.certificatePath,
      '--tls-key-file',
      files.privateKeyPath,
    );
    await expect(started).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    await expect(fetch(`http://127.0.0.1:${httpPort}/healthz`)).rejects.toThrow();
    await start();
  });

  it('refuses a port that is taken with the flag that names it, and gives the data directory back', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const message = `--port: ${port} is in use on 127.0.0.1; allowed: a free port`;
    await expect(start(`--port=${port}`)).rejects.toMatchObject({ code: 'ADDRESS_IN_USE', message });
    other.close();
    await start();
  });
});
