import { afterEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { WORKSPACE_ROOT } from './testing/scratch-workspace';

const SCRIPT = join(WORKSPACE_ROOT, 'docker/health.sh');

describe('the health check of a container', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  });

  const serve = async (status: number, host = '127.0.0.1') => {
    const server = createServer(({ url }, response) => {
      response.writeHead(url === '/readyz' ? status : 404).end();
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, host, resolve));
    return String((server.address() as AddressInfo).port);
  };
  /** The exit code. */
  const check = (port: string, env: Record<string, string> = {}) =>
    new Promise<unknown>((resolve) => {
      execFile('bash', [SCRIPT, port], { env: { PATH: process.env['PATH'], ...env } }, (error) => {
        resolve(error === null ? 0 : error.code);
      });
    });

  it('passes for a service that is ready, and fails for one that is not', async () => {
    expect(await check(await serve(200))).toBe(0);
    expect(await check(await serve(503))).not.toBe(0);
  });

  it('follows the port and the host of the settings', async () => {
    const [ready, other] = [await serve(200), await serve(503)];
    expect(await check(other, { PULSES_HTTP_PORT: ready, PULSES_HTTP_HOST: '0.0.0.0' })).toBe(0);
    expect(await check(ready, { PULSES_HTTP_PORT: other })).not.toBe(0);
    const elsewhere = await serve(200, '127.0.0.2');
    expect(await check(elsewhere, { PULSES_HTTP_HOST: '127.0.0.2' })).toBe(0);
    expect(await check(elsewhere)).not.toBe(0);
  });
});
