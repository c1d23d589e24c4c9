import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  collectGarbage,
  freePort,
  makeCertificate,
  makeTempDirectory,
  until,
  type Certificate,
  type TempDirectory,
} from '@pulses/testing-processes';
import type { Listener, Socket } from '@pulses/shared-ports';
import { nodeNetwork } from './node-network';
import { watch } from './testing/watched-socket';

const HOST = '127.0.0.1';
const TIMEOUT_MS = 20_000;

const text = (content: string) => Buffer.from(content);

/** The kind of the running timer at each end of a port's established connections. */
function timersOf(port: number): number[] {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, remote, state]) => state === '01' && [local, remote].some((end) => end?.endsWith(`:${hexPort}`)))
    .map(([, , , , , timer = '']) => Number(timer.split(':')[0]));
}

describe('the network of the system', () => {
  const listeners: Listener[] = [];
  const sockets: Socket[] = [];
  let directory: TempDirectory;
  let certificate: Certificate;

  beforeAll(async () => {
    directory = await makeTempDirectory();
    certificate = await makeCertificate(directory.path);
  });
  afterAll(() => directory.remove());
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    for (const listener of listeners.splice(0)) await listener.close();
  });

  /** Listens; `next` waits for the next incoming connection. */
  async function listen({ secure = false, connectionsMax = 100, onDropped = (): void => undefined } = {}) {
    const arrived: Socket[] = [];
    const waiting: ((socket: Socket) => void)[] = [];
    const listener = await nodeNetwork.listen(
      { host: HOST, port: 0, connectionsMax, onDropped, ...(secure ? { tls: certificate } : {}) },
      (socket) => {
        sockets.push(socket);
        const waiter = waiting.shift();
        if (waiter) waiter(socket);
        else arrived.push(socket);
      },
    );
    listeners.push(listener);
    const next = () =>
      new Promise<Socket>((resolve) => {
        const socket = arrived.shift();
        if (socket) resolve(socket);
        else waiting.push(resolve);
      });
    return { port: listener.port, listener, next };
  }

  async function connect(port: number, secure = false) {
    const tls = secure ? { tls: { caPem: certificate.certificatePem } } : {};
    const socket = await nodeNetwork.connect({ host: HOST, port, timeoutMs: TIMEOUT_MS, ...tls });
    sockets.push(socket);
    return socket;
  }

  async function pair(secure = false) {
    const { port, next } = await listen({ secure });
    const [client, server] = await Promise.all([connect(port, secure), next()]);
    return { client, server, port };
  }

  /** Lets the event loop turn until a separate connection has carried bytes both ways. */
  async function otherTraffic(): Promise<void> {
    const { client, server } = await pair();
    const [left, right] = [watch(client), watch(server)];
    for (let round = 1; round <= 20; round += 1) {
      client.write(text('x'));
      await right.untilReceived(round);
      server.write(text('y'));
      await left.untilReceived(round);
    }
  }

  describe.each([
    ['TCP', false],
    ['TLS', true],
  ])('over %s', (_name, secure) => {
    it('carries bytes both ways, in order, and names the peer', async () => {
      const { client, server, port } = await pair(secure);
      expect(client.peer).toBe(`${HOST}:${port}`);
      expect(server.peer).toMatch(/^127\.0\.0\.1:\d+$/);
      const [left, right] = [watch(client), watch(server, (bytes) => server.write(bytes))];
      const sent = Buffer.alloc(3 * 1024 * 1024, 'abcdefghijk');
      client.write(sent);
      await left.untilReceived(sent.byteLength);
      expect(left.received.equals(sent)).toBe(true);
      expect(right.received.equals(sent)).toBe(true);
    });

    it('releases its owner once it is closed', async () => {
      const { server } = await pair(secure);
      const told = Promise.withResolvers<void>();
      const owner = (() => {
        const handlers = {
          onData: () => undefined,
          onDrain: () => undefined,
          onEnd: () => undefined,
          onClose: () => {
            told.resolve();
          },
        };
        server.handle(handlers);
        return new WeakRef(handlers);
      })();
      server.destroy();
      await told.promise;
      await otherTraffic();
      collectGarbage();
      expect(server.bufferedBytes).toBe(0); // the socket itself is still reachable
      expect(owner.deref()).toBeUndefined();
    });

    it('keeps received bytes until it is handled', async () => {
      const { client, server } = await pair(secure);
      client.write(text('early'));
      client.end();
      await otherTraffic();
      const right = watch(server);
      await right.ended;
      expect(right.received.toString()).toBe('early');
    });

    it('lets either side end first while the other still sends', async () => {
      for (const [first, second] of await Promise.all([
        pair(secure).then(({ client, server }) => [client, server] as const),
        pair(secure).then(({ client, server }) => [server, client] as const),
      ])) {
        const [left, right] = [watch(first), watch(second)];
        first.write(text('question'));
        first.end();
        await right.ended;
        await otherTraffic();
        expect(right.heard).toEqual(['data', 'end']);
        second.write(text('answer'));
        second.end();
        expect(await left.closed).toBeUndefined();
        expect(await right.closed).toBeUndefined();
        expect([left.received.toString(), right.received.toString()]).toEqual(['answer', 'question']);
        expect([left.heard, right.heard]).toEqual([
          ['data', 'end', 'close'],
          ['data', 'end', 'close'],
        ]);
      }
    });

    it('delivers nothing while paused, makes the writer wait, and loses nothing', async () => {
      const { client, server } = await pair(secure);
      const left = watch(client);
      let isSlow = true;
      const right = watch(server, () => {
        if (isSlow) server.pause();
      });
      const chunk = Buffer.alloc(64 * 1024, 'abcdefghijk');
      let chunks = 0;
      // More than the buffers of the system hold.
      while (chunks < 512) {
        client.write(chunk);
        chunks += 1;
      }
      await right.untilReceived(1);
      await otherTraffic();
      const held = right.received.byteLength;
      await otherTraffic();
      expect(right.received.byteLength).toBe(held);
      expect(held).toBeLessThanOrEqual(chunk.byteLength);
      expect(client.write(text('last'))).toBe(false);
      expect(client.bufferedBytes).toBeGreaterThan(chunk.byteLength);
      expect(left.heard).toEqual([]);

      const total = chunks * chunk.byteLength + 4;
      isSlow = false;
      server.resume();
      await right.untilReceived(total);
      await left.drained;
      expect(client.bufferedBytes).toBe(0);
      const expected = Buffer.concat([...Array.from({ length: chunks }, () => chunk), text('last')]);
      expect(right.received.equals(expected)).toBe(true);
    });

    it('probes an idle peer from both sides', async () => {
      const { port } = await pair(secure);
      // Once all sent bytes are acknowledged only the keep-alive timer is left, which Linux shows as 2.
      await until(() => timersOf(port).join() === '2,2');
    });

    it('gathers writes between cork and uncork', async () => {
      const { client, server } = await pair(secure);
      const right = watch(server);
      client.cork();
      for (const letter of ['a', 'b', 'c']) client.write(text(letter));
      await otherTraffic();
      expect(right.heard).toEqual([]);
      expect(client.bufferedBytes).toBe(3);
      client.uncork();
      await right.untilReceived(3);
      expect(right.received.toString()).toBe('abc');
    });

    it('notifies both sides once when one of them drops the connection', async () => {
      const { client, server } = await pair(secure);
      const [left, right] = [watch(client), watch(server)];
      client.destroy();
      expect(await left.closed).toBeUndefined();
      await right.ended;
      server.end();
      await right.closed;
      client.destroy();
      expect(client.write(text('x'))).toBe(false);
      await otherTraffic();
      expect([left.heard, right.heard]).toEqual([['close'], ['end', 'close']]);
    });
  });

  it('notifies handlers that come late of a closed connection', async () => {
    const { client, server } = await pair();
    client.destroy();
    await watch(server).ended;
    await otherTraffic();
    const late = watch(client);
    expect(await late.closed).toBeUndefined();
    expect(late.heard).toEqual(['close']);
  });

  it('passes the cause of a broken connection to the writer', async () => {
    const { client, server } = await pair();
    const left = watch(client);
    // More than a paused reader takes, so that the system answers its end with a reset.
    client.write(Buffer.alloc(1024 * 1024));
    await otherTraffic();
    server.destroy();
    expect(await left.closed).toMatchObject({ code: 'ECONNRESET' });
    expect(left.heard.at(-1)).toBe('close');
  });

  it('drops queued bytes when destroyed, and sends them when ended', async () => {
    const dropped = await pair();
    const bytes = Buffer.alloc(16 * 1024 * 1024);
    dropped.client.write(bytes);
    dropped.client.destroy();
    const right = watch(dropped.server);
    await right.ended;
    expect(right.received.byteLength).toBeLessThan(bytes.byteLength);

    const ended = await pair();
    ended.client.write(bytes);
    ended.client.end();
    const other = watch(ended.server);
    await other.ended;
    expect(other.received.byteLength).toBe(bytes.byteLength);
  });

  it('closes connections above the limit at once, tells of each, and accepts new ones when others end', async () => {
    let dropped = 0;
    const { port, next } = await listen({ connectionsMax: 1, onDropped: () => void (dropped += 1) });
    const first = watch(await connect(port));
    const served = watch(await next());
    const refused = watch(await connect(port));
    await Promise.race([refused.ended, refused.closed]);
    expect([refused.received.byteLength, dropped]).toEqual([0, 1]);
    first.socket.end();
    await served.ended;
    served.socket.end();
    await served.closed;
    await connect(port);
    expect((await next()).peer).toMatch(/^127/);
  });

  it('keeps open connections when the listener closes, and accepts no new one', async () => {
    const { port, next, listener } = await listen();
    const [client, server] = await Promise.all([connect(port), next()]);
    const right = watch(server);
    await listener.close();
    await listener.close();
    await expect(connect(port)).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    client.write(text('still here'));
    await right.untilReceived(10);
  });

  it('rejects an address in use and an address of another machine', async () => {
    const { port } = await listen();
    await expect(nodeNetwork.listen({ host: HOST, port, connectionsMax: 1 }, () => undefined)).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: `${HOST}:${port} is in use by another process`,
    });
    // An address of the documentation range (RFC 5737), which no machine has.
    const elsewhere = nodeNetwork.listen({ host: '192.0.2.1', port: 0, connectionsMax: 1 }, () => undefined);
    await expect(elsewhere).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });

  it('reports a peer that does not listen as unreachable', async () => {
    const port = await freePort();
    await expect(connect(port)).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      retriable: true,
      message: `cannot reach ${HOST}:${port}: ECONNREFUSED`,
      cause: { code: 'ECONNREFUSED' },
    });
  });

  it('times out on a peer that accepts and then does not answer', async () => {
    const { port } = await listen();
    const silent = nodeNetwork.connect({ host: HOST, port, tls: {}, timeoutMs: 50 });
    await expect(silent).rejects.toMatchObject({
      code: 'TIMED_OUT',
      message: `no answer from ${HOST}:${port} within 50 ms`,
    });
  });

  it('rejects a certificate that is not trusted', async () => {
    const { port } = await listen({ secure: true });
    const distrustful = nodeNetwork.connect({ host: HOST, port, tls: {}, timeoutMs: TIMEOUT_MS });
    await expect(distrustful).rejects.toMatchObject({
      code: 'CONNECTION_LOST',
      cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    });
  });

  it('rejects a plain client on a TLS port, and a TLS client on a plain port', async () => {
    const secure = await listen({ secure: true });
    const plain = watch(await connect(secure.port));
    plain.socket.write(text('sink-connector_source.pulses\nplain\n'));
    await Promise.race([plain.ended, plain.closed]);

    const open = await listen();
    const refused = connect(open.port, true);
    const server = watch(await open.next());
    await server.untilReceived(1);
    server.socket.write(text('not TLS\n'));
    await expect(refused).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
  });

  it.each([
    ['no PEM', 'x', 'x'],
    ['nothing', '', ''],
  ])('rejects an unusable certificate: %s', async (_name, certificatePem, privateKeyPem) => {
    const options = { host: HOST, port: 0, connectionsMax: 1, tls: { certificatePem, privateKeyPem } };
    const listening = nodeNetwork.listen(options, () => undefined).then((listener) => listeners.push(listener));
    await expect(listening).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});
