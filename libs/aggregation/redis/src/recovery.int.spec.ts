import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { EngineState } from '@pulses/aggregation-api';
import { SILENT_LOGGER } from '@pulses/shared-ports';
import { SCALE } from '@pulses/testing-scale';
import { startRedis, type RedisServer } from '@pulses/testing-services';
import { Redis } from 'ioredis';
import { sourceKeyOf } from './key-names';
import type { RedisEngine } from './redis-engine';
import { feedWindow } from './testing/feed-window';
import { engineOver } from './testing/engines';
import { copyKeys, createWindowLog, SOURCE, type WindowLog } from './testing/window-log';

/** One bucket holds 32,768 keys. */
const WIDE =
  SCALE.name === 'sample'
    ? { messages: 150_000, keys: 40_000, buckets: 2 }
    : { messages: 250_000, keys: 80_000, buckets: 3 };

describe('a window found in Redis after a restart', () => {
  let server: RedisServer;
  let redis: Redis;
  let engine: RedisEngine;
  let log: WindowLog;
  let reasons: unknown[];
  let seed = 0;

  beforeAll(async () => {
    server = await startRedis({ own: true });
    redis = new Redis(server.port);
  });
  beforeEach(async () => {
    await redis.flushall();
    seed += 1;
    log = createWindowLog({ seed, messages: 3_000, keys: 900 });
    reasons = [];
    engine = open();
  });
  afterEach(async () => {
    await engine.close();
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  const open = () =>
    engineOver(server, {
      lingerMs: 0,
      logger: {
        ...SILENT_LOGGER,
        info: (fields, message) => {
          reasons.push((fields as { reason?: string }).reason ?? message);
        },
      },
    });
  const fill = async (): Promise<void> => {
    expect(await engine.open(SOURCE, log.fromOffset)).toBeUndefined();
    await engine.add(log.delta(copyKeys(undefined), log.fromOffset, log.fromOffset + 2_000));
  };
  const restart = (fromOffset = log.fromOffset): Promise<EngineState | undefined> => {
    reasons = [];
    engine = open();
    return engine.open(SOURCE, fromOffset);
  };
  const source = () => sourceKeyOf(server.keyPrefix, SOURCE);
  const windowKey = async () => `${source()}:${(await redis.hget(source(), 'w0')) ?? ''}`;

  it('is continued and logged when it is complete', async () => {
    await fill();
    expect(await restart()).toMatchObject({ nextOffset: log.fromOffset + 2_000 });
    expect(reasons).toEqual(['window sums taken over from Redis']);
    const result = await feedWindow({ engine, log, step: 500 });
    expect(result).toMatchObject({ sums: log.expected(), failures: [], resumed: 1 });
  });

  it.each<[string, string, (key: string) => Promise<unknown>]>([
    [
      'a delta added in part',
      'a delta of it was added in part',
      (key) => redis.hset(key, 'part', 1, 'goal', 9_999_999),
    ],
    ['a missing row', 'Redis has lost rows of it', (key) => redis.hdel(`${key}:r0`, Buffer.from([5, 0, 0, 0]))],
    ['no rows', 'Redis has lost rows of it', (key) => redis.del(`${key}:r0`)],
    ['no keys', 'Redis has lost keys of it', (key) => redis.del(`${key}:k0`)],
    [
      'keys cut short',
      'Redis has lost keys of it',
      async (key) => redis.set(`${key}:k0`, (await redis.getrangeBuffer(`${key}:k0`, 0, -3)) ?? ''),
    ],
    [
      'a key twice',
      'Redis has lost keys of it',
      async (key) => redis.setrange(`${key}:k0`, 0, twiceTheFirst(await redis.getBuffer(`${key}:k0`))),
    ],
    ['no window', 'Redis has lost it', (key) => redis.del(key)],
  ])('is dropped and rebuilt with %s, and the reason is logged', async (_what, reason, damage) => {
    await fill();
    await damage(await windowKey());
    expect(await restart()).toBeUndefined();
    expect(reasons).toEqual([reason, 'window sums are rebuilt from the log']);
    const result = await feedWindow({ engine, log, step: 500 });
    expect(result).toMatchObject({ sums: log.expected(), failures: [] });
  });

  it.each<[string, (key: string) => Promise<unknown>]>([
    ['a row', (key) => redis.hdel(`${key}:r0`, Buffer.from([0, 0, 0, 0]))],
    [
      'a row for another one',
      (key) =>
        redis
          .multi()
          .hdel(`${key}:r0`, Buffer.from([0, 0, 0, 0]))
          .hset(`${key}:r0`, 'other', '')
          .exec(),
    ],
    ['all rows', (key) => redis.del(`${key}:r0`)],
    ['all keys', (key) => redis.del(`${key}:k0`)],
    ['the window', (key) => redis.del(key)],
    ['the source', () => redis.del(source())],
  ])('is never added to, sealed or read once %s is lost under way', async (_what, damage) => {
    await fill();
    await damage(await windowKey());
    // Names every key of the log.
    const next = log.delta(
      copyKeys((await engineOver(server).open({ ...SOURCE, group: 'none' }, 0))?.keys),
      log.fromOffset,
      log.endOffset,
    );
    const failure: unknown = await (async () => engine.add({ ...next, fromOffset: log.fromOffset + 2_000 }))().catch(
      (error: unknown) => error,
    );
    expect(['POSITION_CONFLICT', 'FENCED']).toContain((failure as { code?: string }).code);
    await expect(engine.seal(log.startMs)).rejects.toBe(failure);
    const result = await feedWindow({ engine, log, step: 500 });
    expect(result).toMatchObject({ sums: log.expected(), failures: [] });
  });

  it('is not read when rows are lost after the seal', async () => {
    await fill();
    const keyCount = await engine.seal(log.startMs);
    await redis.del(`${await windowKey()}:r0`);
    await expect(engine.sums(log.startMs, 0, keyCount)).rejects.toMatchObject({ code: 'POSITION_CONFLICT' });
  });

  it('expires when no ingestor returns, and leaves nothing behind when dropped', async () => {
    await fill();
    const keys = await redis.keys('*');
    expect(keys).toHaveLength(4);
    for (const key of keys) {
      expect(key.startsWith(`${server.keyPrefix}:v1:{`)).toBe(true);
      expect(await redis.pttl(key)).toBeGreaterThan(3_600_000);
    }
    await engine.seal(log.startMs);
    await engine.drop(log.startMs);
    expect(await redis.keys('*')).toEqual([source()]);
  });

  it('spans several buckets beyond 32,768 keys, and is recovered completely', async () => {
    const { buckets, ...size } = WIDE;
    const wide = createWindowLog({ seed, ...size });
    expect(await engine.open(SOURCE, wide.fromOffset)).toBeUndefined();
    const keys = copyKeys(undefined);
    for (let at = wide.fromOffset; at < wide.endOffset - 50_000; at += 50_000)
      await engine.add(wide.delta(keys, at, at + 50_000));
    expect(await redis.keys('*:r*')).toHaveLength(buckets);
    expect(await restart(wide.fromOffset)).toMatchObject({ nextOffset: wide.endOffset - 50_000 });
    const result = await feedWindow({ engine, log: wide, step: 20_000 });
    expect(result.sums).toEqual(wide.expected());
    expect(result).toMatchObject({ failures: [], resumed: 1 });
  });
});

/** The bytes of the keys, with the first key copied over another one of its length. */
function twiceTheFirst(bytes: Buffer | null): Buffer {
  const lengthOf = (at: number): number => {
    let end = at;
    for (let part = 0; part < 3; part += 1) end += 2 + (bytes?.readUInt16LE(end) ?? 0);
    return end - at;
  };
  const first = lengthOf(0);
  const all = Buffer.from(bytes ?? []);
  for (let at = first; at < all.byteLength; at += lengthOf(at))
    if (lengthOf(at) === first) {
      all.copy(all, at, 0, first);
      return all;
    }
  throw new Error('no other key is as long as the first');
}
