import { afterEach, describe, expect, it } from '@jest/globals';
import { nodeClock } from '@pulses/shared-node-platform';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { startHttpServer, type HttpServer, type HttpServerOptions, type Readiness } from './http-server';
import type { HttpSettings } from './http-settings';
import { createMetrics } from './metrics';

const open: HttpServer[] = [];

async function serve({
  settings,
  ...options
}: Partial<Omit<HttpServerOptions, 'settings'>> & { settings?: Partial<HttpSettings> } = {}) {
  const server = await startHttpServer({
    settings: { httpHost: '127.0.0.1', httpPort: 0, httpAllowedHosts: undefined, ...settings },
    metrics: createMetrics(nodeClock),
    readiness: () => ({ ready: true }),
    ...options,
  });
  open.push(server);
  return { server, get: (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${server.port}${path}`, init) };
}

describe('the HTTP server of a service', () => {
  afterEach(async () => {
    await Promise.all(open.splice(0).map((server) => server.close()));
  });

  it('answers healthz with 200, ready or not', async () => {
    const { get } = await serve({ readiness: () => ({ ready: false, reason: 'recovering' }) });
    const response = await get('/healthz');
    expect([response.status, await response.json()]).toEqual([200, { status: 'ok' }]);
  });

  it('answers readyz with 503 and the reason, then with 200', async () => {
    let readiness: Readiness = { ready: false, reason: 'recovering the data directory' };
    const { get } = await serve({ readiness: () => readiness });
    const before = await get('/readyz');
    expect([before.status, await before.json()]).toEqual([
      503,
      { status: 'not ready', reason: 'recovering the data directory' },
    ]);
    readiness = { ready: true };
    const ready = await get('/readyz');
    expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready' }]);
    readiness = { ready: true, detail: 'standing by' };
    const standby = await get('/readyz');
    expect([standby.status, await standby.json()]).toEqual([200, { status: 'ready', detail: 'standing by' }]);
    expect((await get('/readyz', { method: 'HEAD' })).status).toBe(200);
  });

  it('serves metrics as Prometheus text', async () => {
    const metrics = createMetrics(nodeClock);
    metrics.counter('pulses_grouped_total', 'Pulses grouped.').inc(3);
    const { get } = await serve({ metrics });
    const response = await get('/metrics');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect((await response.text()).split('\n')).toContain('pulses_grouped_total 3');
  });

  it('answers routes of the app with JSON, with one query value per name', async () => {
    const { get } = await serve({
      routes: [{ path: '/totals', handle: (query) => Promise.resolve({ status: 202, body: { query } }) }],
    });
    const response = await get('/totals?tenant=a%2Eb&unit=x&unit=h&empty=&__proto__=p');
    expect(response.status).toBe(202);
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await response.text()).toBe('{"query":{"tenant":"a.b","unit":"h","empty":"","__proto__":"p"}}');
  });

  it('survives a failing route, unknown paths, other methods and malformed requests', async () => {
    const { get, server } = await serve({
      routes: [{ path: '/broken', handle: () => Promise.reject(new Error('broken')) }],
    });
    expect((await get('/broken')).status).toBe(500);
    expect((await get('/none')).status).toBe(404);
    expect((await get('/metrics', { method: 'POST', body: 'x' })).status).toBe(404);
    expect((await get('/metrics', { method: 'POST', body: 'x'.repeat(10_000) })).status).toBe(413);
    await new Promise<void>((resolve) => {
      const socket = connect(server.port, '127.0.0.1', () => socket.write('\0\0\0\r\n\r\n'));
      socket.on('error', () => undefined).on('data', () => undefined);
      socket.once('close', () => {
        resolve();
      });
    });
    expect((await get('/healthz')).status).toBe(200);
  });

  it('names --http-port when the address is in use', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    await expect(serve({ settings: { httpPort: port } })).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: `--http-port: ${port} is in use on 127.0.0.1; allowed: a free port`,
    });
    other.close();
  });

  // An address of the documentation range (RFC 5737), which no machine has.
  it('names --http-host when it is not an address of this machine', async () => {
    await expect(serve({ settings: { httpHost: '192.0.2.1' } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: "--http-host: '192.0.2.1' is not valid: an address of this machine (EADDRNOTAVAIL)",
    });
  });

  it('closes while a client is in the middle of a request', async () => {
    const { server } = await serve();
    const socket = connect(server.port, '127.0.0.1');
    const closed = new Promise<void>((resolve) => {
      socket.once('close', () => {
        resolve();
      });
    });
    socket.on('error', () => undefined).resume();
    await new Promise<void>((resolve) => {
      socket.once('data', () => {
        resolve();
      });
      socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /healthz HTTP/1.1\r\nHo');
    });
    await server.close();
    await closed;
    await expect(fetch(`http://127.0.0.1:${server.port}/healthz`)).rejects.toThrow();
  });

  // A name that ends with a dot is complete.
  const complete = ['localhost.', 'LOCALHOST.:80', 'broker.', 'named.example', '127.0.0.1.'];
  const names = ['127.0.0.1:9001', '[::1]', 'localhost:80', 'LOCALHOST', 'broker', 'pulses.example:9001', hostname()];
  it.each([...names, ...complete])('answers a request for %s', async (host) => {
    const { server } = await serve({ settings: { httpAllowedHosts: ['broker', 'pulses.example', 'named.example.'] } });
    for (const path of ['/healthz', '/metrics']) expect(await statusFor(server.port, path, host)).toBe(200);
  });

  it('answers a request for the name that --http-host gives', async () => {
    const { server } = await serve({ settings: { httpHost: 'localhost' } });
    expect(await statusFor(server.port, '/healthz', `localhost:${server.port}`)).toBe(200);
  });

  it.each([
    'attacker.example',
    'attacker.example:9001',
    'localhost.attacker.example',
    '127.0.0.1.attacker.example',
    'localhost..',
  ])('refuses a request for the foreign name %j on every path', async (host) => {
    const { server } = await serve({
      routes: [{ path: '/sums', handle: () => Promise.reject(new Error('not reached')) }],
    });
    for (const path of ['/healthz', '/readyz', '/metrics', '/sums', '/none'])
      expect(await statusFor(server.port, path, host)).toBe(421);
  });

  const PATHS = ['/healthz', '/readyz', '/metrics', '/sums'];
  const statusesOf = async (settings: Partial<HttpSettings>, authorization?: string) => {
    const { get, server } = await serve({
      settings,
      routes: [{ path: '/sums', handle: () => Promise.resolve({ status: 200, body: {} }) }],
    });
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization };
    const statuses = () => Promise.all(PATHS.map(async (path) => (await get(path, { headers })).status));
    return { statuses, server, get };
  };

  it.each<[Partial<HttpSettings>, string | undefined, readonly number[]]>([
    [{}, undefined, [200, 200, 200, 200]],
    [{ authToken: 'word' }, undefined, [200, 200, 200, 401]],
    [{ authToken: 'word' }, 'Bearer word', [200, 200, 200, 200]],
    [{ authToken: 'word', httpAuth: 'on' }, undefined, [200, 200, 401, 401]],
    [{ authToken: 'word', httpAuth: 'on' }, 'Bearer words', [200, 200, 401, 401]],
    [{ authToken: 'word', httpAuth: 'on' }, 'Bearer word', [200, 200, 200, 200]],
    [{ authToken: 'word', httpAuth: 'off' }, undefined, [200, 200, 200, 200]],
  ])('with %j and %j answers health, readiness, metrics and routes with %j', async (settings, shown, expected) => {
    expect(await (await statusesOf(settings, shown)).statuses()).toEqual(expected);
  });

  it('says how to authenticate, also to a HEAD', async () => {
    const { get } = await statusesOf({ authToken: 'word', httpAuth: 'on' });
    for (const method of ['GET', 'HEAD']) {
      const { status, headers } = await get('/metrics', { method });
      expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="pulses"']);
    }
  });

  it('takes another token while it serves', async () => {
    const { statuses, server } = await statusesOf({ authToken: 'word', httpAuth: 'on' }, 'Bearer new');
    expect(await statuses()).toEqual([200, 200, 401, 401]);
    server.setAuthToken('new');
    expect(await statuses()).toEqual([200, 200, 200, 200]);
  });

  it('names --http-auth when there is no token to ask for', async () => {
    await expect(serve({ settings: { httpAuth: 'on' } })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: "--http-auth: 'on' needs a token; allowed: together with --auth-token",
    });
  });

  it('answers a probe of HTTP/1.0, which names no host', async () => {
    const { server } = await serve();
    const socket = await connectedSocket(server.port, 'GET /readyz HTTP/1.0\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(String(answer)).toMatch(/^HTTP\/1.1 200 /);
  });

  it.each(['127.0.0.1', 'localhost'])(
    'answers probes of %s while half-open and idle connections fill the port',
    async (host) => {
      const { server } = await serve({ settings: { httpHost: host } });
      const sockets = await Promise.all(
        ['GET /readyz HTTP/1.1\r\nHost: x\r\n', '', 'GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n'].flatMap((text) =>
          Array.from({ length: 100 }, () => connectedSocket(server.port, text)),
        ),
      );
      for (let probe = 0; probe < 3; probe += 1) {
        const response = await fetch(`http://127.0.0.1:${server.port}/readyz`, { headers: { connection: 'close' } });
        expect(response.status).toBe(200);
      }
      for (const socket of sockets) socket.destroy();
    },
  );

  it('answers 408 when the head or the body of a request does not arrive', async () => {
    const { server } = await serve();
    const answers = [
      'GET /readyz HTTP/1.1\r\nHost: x\r\n',
      'POST /readyz HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n',
    ].map(async (text) => {
      const socket = await connectedSocket(server.port, text);
      let answer = '';
      for await (const chunk of socket) answer += String(chunk);
      return answer;
    });
    for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^HTTP\/1.1 408 /);
  }, 30_000);
});

/** The status of a request with this `Host`. */
async function statusFor(port: number, path: string, host: string): Promise<number | undefined> {
  const [response] = (await once(
    request({ host: '127.0.0.1', port, path, headers: { host }, agent: false }).end(),
    'response',
  )) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

async function connectedSocket(port: number, text: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}
