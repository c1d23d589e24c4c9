import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type RedisServer } from '@pulses/testing-services';
import { Redis } from 'ioredis';
import { engineOver } from './testing/engines';
import { SOURCE } from './testing/window-log';

describe('the database of Redis', () => {
  let server: RedisServer;
  let redis: Redis;
  beforeAll(async () => {
    server = await startRedis({ own: true });
    redis = new Redis(server.port);
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  const engineAt = (path: string) => engineOver({ url: `${server.url}${path}`, keyPrefix: server.keyPrefix });

  it.each([
    ['', ['db0']],
    ['/3', ['db3']],
  ])('is the one that %j names', async (path, databases) => {
    await redis.flushall();
    const engine = engineAt(path);
    await engine.open(SOURCE, 0);
    expect(await usedDatabases()).toEqual(databases);
    await engine.close();
  });

  it('is never another one when there is none of that number', async () => {
    await redis.flushall();
    const failure: unknown = await engineAt('/99')
      .open(SOURCE, 0)
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'CONFIG_INVALID', retriable: false });
    expect(String(failure)).toContain(`--redis-url: Redis at 127.0.0.1:${server.port} has no database 99`);
    expect(await usedDatabases()).toEqual([]);
  });

  async function usedDatabases(): Promise<string[]> {
    return [...(await redis.info('keyspace')).matchAll(/^(db\d+):/gm)].map(([, name]) => name ?? '');
  }
});
