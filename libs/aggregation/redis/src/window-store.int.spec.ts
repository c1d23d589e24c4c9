import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { createKeyTable } from '@pulses/aggregation-api';
import { startRedis, type RedisServer } from '@pulses/testing-services';
import { PendingRows, type Chunk } from './pending-rows';
import { parseRedisUrl } from './redis-address';
import { connectToOwner, type RedisConnection } from './redis-connection';
import { engineOver } from './testing/engines';
import { copyKeys, createRolls, createWindowLog, SOURCE, textsOf, type WindowLog } from './testing/window-log';
import { createWindowStore, takeOver, type StoredWindow, type WindowStore } from './window-store';

const LIMITS = { connectMsMax: 5_000, commandMsMax: 5_000 };

/** A recorded call, to be repeated. */
interface Call {
  readonly window: StoredWindow;
  readonly delta: { fromOffset: number; nextOffset: number; chunkCount: number };
  readonly index: number;
  readonly chunk: Chunk;
}

describe(`the fence of a window in Redis (${SCALE.note})`, () => {
  const roll = createRolls(SCALE.seed);
  let server: RedisServer;
  let connection: RedisConnection;
  let store: WindowStore;
  let log: WindowLog;
  let prefix: string;
  let runs = 0;

  beforeAll(async () => {
    server = await startRedis();
  });
  beforeEach(async () => {
    runs += 1;
    prefix = `${server.keyPrefix}-${runs}`;
    ({ connection } = await connectToOwner(
      parseRedisUrl(server.url),
      LIMITS,
      () => undefined,
      (scripts) => takeOver(scripts, SOURCE, prefix, 'owner'),
    ));
    store = createWindowStore(connection, SOURCE, prefix, 'owner');
    log = createWindowLog({ seed: roll(1_000_000), messages: 4_000, keys: 1_200 });
  });
  afterEach(() => {
    connection.end();
  });
  afterAll(async () => {
    await server.stop();
  });

  /** All calls that add the log, in order. */
  const callsOf = (): { calls: Call[]; window: StoredWindow } => {
    const window: StoredWindow = {
      startMs: log.startMs,
      name: '0-window',
      keys: store.keysOf('0-window'),
      fromOffset: log.fromOffset,
      nextOffset: log.fromOffset,
      keyCount: 0,
      keyBytes: [],
      exists: false,
    };
    const keys = copyKeys(undefined);
    const pending = new PendingRows(log.fromOffset, 0);
    const calls: Call[] = [];
    for (let at = log.fromOffset; at < log.endOffset; at += 1_000) {
      pending.add(log.delta(keys, at, at + 1_000));
      const chunks = pending.takeChunks(keys, window.keyCount, Math.ceil(keys.size / 6));
      const delta = { fromOffset: at, nextOffset: at + 1_000, chunkCount: chunks.length };
      chunks.forEach((chunk, index) => {
        calls.push({ window: copyOf(window), delta, index, chunk });
        window.keyCount += chunk.newKeys;
        window.keyBytes[chunk.bucket] = (window.keyBytes[chunk.bucket] ?? 0) + chunk.newKeyBytes.byteLength;
      });
      window.exists = true;
      window.nextOffset = delta.nextOffset;
    }
    return { calls, window };
  };
  const make = ({ window, delta, index, chunk }: Call) => store.add(copyOf(window), delta, index, chunk);
  const expectExact = async (window: StoredWindow) => {
    const engine = engineOver({ url: server.url, keyPrefix: prefix }, { lingerMs: 0 });
    expect(await engine.open(SOURCE, log.fromOffset)).toMatchObject({ nextOffset: log.endOffset });
    expect(await engine.seal(log.startMs)).toBe(window.keyCount);
    expect(textsOf(await engine.sums(log.startMs, 0, window.keyCount))).toEqual(log.expected());
    await engine.close();
  };

  it('ignores a repeated call, at once or later', async () => {
    const { calls, window } = callsOf();
    for (const [at, call] of calls.entries()) {
      await make(call);
      await make(call);
      await make(calls[roll(at + 1)] as Call);
    }
    for (const call of calls) await make(call);
    await expectExact(window);
  });

  it.each([1_200, 60])(
    'rejects a call that comes too early without a change, also without a new one of %i keys',
    async (keys) => {
      log = createWindowLog({ seed: roll(1_000_000), messages: 4_000, keys });
      const { calls, window } = callsOf();
      for (const [at, call] of calls.entries()) {
        const early = calls[at + 1 + roll(calls.length)];
        if (early !== undefined) await expect(make(early)).rejects.toMatchObject({ code: 'POSITION_CONFLICT' });
        await make(call);
      }
      await expectExact(window);
    },
  );

  it('rejects every call of a fenced owner, also in the middle of a delta', async () => {
    const { calls } = callsOf();
    const [first, second, ...rest] = calls;
    await make(first as Call);
    await takeOver(connection.scripts, SOURCE, prefix, 'next owner');
    for (const call of [first, second, ...rest])
      await expect(make(call as Call)).rejects.toMatchObject({ code: 'FENCED' });
    const { window } = first as Call;
    await expect(store.seal(window)).rejects.toMatchObject({ code: 'FENCED' });
    await expect(store.rows(window, 0, 1)).rejects.toMatchObject({ code: 'FENCED' });
    await expect(store.drop(window, 1)).rejects.toMatchObject({ code: 'FENCED' });
    expect(await createWindowStore(connection, SOURCE, prefix, 'next owner').find(window)).toMatchObject({
      isWhole: false,
    });
  });

  it('does not seal or read a window in the middle of a delta', async () => {
    const { calls } = callsOf();
    const [first, second] = calls as [Call, Call];
    await make(first);
    await expect(store.seal(second.window)).rejects.toMatchObject({ code: 'POSITION_CONFLICT' });
    await expect(store.rows(second.window, 0, 1)).rejects.toMatchObject({ code: 'POSITION_CONFLICT' });
  });

  it('turns an overflowing sum into NaN, never into a wrong number', async () => {
    const keys = createKeyTable({ keysMax: 1 });
    keys.idOf(Buffer.from('tsu'), 0, 1, 1, 2, 2, 3);
    const engine = engineOver({ url: server.url, keyPrefix: prefix }, { lingerMs: 0 });
    await engine.open(SOURCE, 0);
    const column = () => Float64Array.of(1);
    for (const at of [0, 1])
      await engine.add({
        windowStartMs: 0,
        fromOffset: at,
        nextOffset: at + 1,
        keys,
        length: 1,
        ids: Int32Array.of(0),
        limbs: Float64Array.of(Number.MAX_SAFE_INTEGER, 0, 0, 0),
        counts: column(),
        firstSeenMs: column(),
        lastSeenMs: column(),
      });
    await engine.seal(0);
    expect((await engine.sums(0, 0, 1)).limbs[0]).toBe(NaN);
    await engine.close();
  });
});

function copyOf(window: StoredWindow): StoredWindow {
  return { ...window, keyBytes: [...window.keyBytes] };
}
