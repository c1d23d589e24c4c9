// Sums stay exact through the faults of a Redis in service.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { until } from '@pulses/testing-processes';
import { startRedis, type RedisServer } from '@pulses/testing-services';
import { Redis } from 'ioredis';
import { globSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { RedisEngine, RedisEngineOptions } from './redis-engine';
import { feedWindow, type FeedResult, type FeedOptions } from './testing/feed-window';
import { startCuttingProxy, type CuttingProxy } from './testing/cutting-proxy';
import { engineOver } from './testing/engines';
import { copyKeys, createRolls, createWindowLog, SOURCE } from './testing/window-log';

const KILLS = SCALE.sizeOf({ sample: 5, fault: 50, torture: 200 });
const FAULTS = SCALE.sizeOf({ sample: 2, fault: 6, torture: 200 });
// Without rewrites there is one append-only file, which can be truncated.
const AOF =
  '--appendonly yes --appendfsync everysec --auto-aof-rewrite-percentage 0 --repl-diskless-sync-delay 0'.split(' ');
/** Messages, keys and messages per delta. A delta has several chunks, so that a fault can hit a half-added one. */
const SIZE = { messages: 20_000, keys: 5_000, step: 2_500 };

describe(`a window in Redis (${SCALE.note})`, () => {
  const roll = createRolls(SCALE.seed);
  let server: RedisServer;
  let proxy: CuttingProxy;
  let engines: RedisEngine[];
  let admins: Redis[];

  beforeEach(async () => {
    server = await startRedis({ own: true, args: AOF });
    proxy = await startCuttingProxy(server.port);
    engines = [];
    admins = [];
  });
  afterEach(async () => {
    for (const engine of engines) await engine.close();
    for (const admin of admins) admin.disconnect();
    await proxy.close();
    await server.stop();
  });

  const engine = (options?: Partial<RedisEngineOptions>): RedisEngine => {
    // Write-through and write-behind in turn.
    const lingerMs = engines.length % 2;
    const made = engineOver(
      { url: `redis://127.0.0.1:${proxy.port}`, keyPrefix: server.keyPrefix },
      { lingerMs, ...options },
    );
    engines.push(made);
    return made;
  };
  const admin = (port = server.port): Redis => {
    const made = new Redis(port, { retryStrategy: () => null, lazyConnect: true });
    made.on('error', () => undefined);
    admins.push(made);
    return made;
  };
  const log = () => createWindowLog({ seed: roll(1_000_000), messages: SIZE.messages, keys: SIZE.keys });
  const turns = async (count: number) => {
    for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };

  /** Feeds windows until `faults` have happened, and compares each window with the oracle. */
  const feed = async (
    faults: number,
    options: Partial<RedisEngineOptions>,
    fault: (left: number) => Omit<FeedOptions, 'engine' | 'log' | 'step'> & { happened(): number },
  ): Promise<FeedResult[]> => {
    const all: FeedResult[] = [];
    for (let done = 0; done < faults;) {
      const window = log();
      const { happened, ...hooks } = fault(faults - done);
      const result = await feedWindow({ engine: engine(options), log: window, step: SIZE.step, ...hooks });
      expect(result.sums).toEqual(window.expected());
      done += happened();
      all.push(result);
    }
    return all;
  };
  const failuresOf = (results: readonly FeedResult[]) => new Set(results.flatMap(({ failures }) => failures));

  it(`is summed exactly through ${KILLS} ends by SIGKILL while deltas are added`, async () => {
    const results = await feed(KILLS, {}, (left) => {
      let kills = 0;
      return {
        async beside(call) {
          if (call !== 'add' || kills === left || roll(2) === 0) return;
          kills += 1;
          await turns(roll(6));
          await server.kill();
        },
        repair: () => server.restart(),
        happened: () => kills,
      };
    });
    expect(failuresOf(results)).toContain('CONNECTION_LOST');
  }, 600_000);

  it(`is summed exactly through ${KILLS} ends by SIGKILL while it is sealed and read`, async () => {
    await feed(KILLS, {}, (left) => {
      let kills = 0;
      return {
        async beside(call) {
          if (call === 'add' || kills === Math.min(left, 10) || roll(2) === 0) return;
          kills += 1;
          await turns(roll(3));
          await server.kill();
        },
        repair: () => server.restart(),
        happened: () => kills,
      };
    });
  }, 600_000);

  it(`is summed exactly through ${FAULTS} replies lost after Redis has run the command`, async () => {
    const results = await feed(FAULTS, {}, (left) => {
      let cuts = 0;
      return {
        beside() {
          if (cuts === left || roll(3) > 0) return;
          cuts += 1;
          // `ADDED` is a reply of 8 bytes.
          proxy.cutAfter(8 * roll(5));
        },
        happened: () => cuts,
      };
    });
    expect(failuresOf(results)).toContain('CONNECTION_LOST');
  }, 600_000);

  it(`continues without a failure through ${FAULTS} SCRIPT FLUSH`, async () => {
    const results = await feed(FAULTS, {}, (left) => {
      let flushes = 0;
      return {
        async beside() {
          if (flushes === left) return;
          flushes += 1;
          await turns(roll(4));
          await admin().script('FLUSH');
        },
        happened: () => flushes,
      };
    });
    expect(failuresOf(results)).toEqual(new Set());
  }, 600_000);

  it(`is rebuilt through ${FAULTS} FLUSHALL`, async () => {
    const results = await feed(FAULTS, {}, (left) => {
      let flushes = 0;
      return {
        async beside() {
          if (flushes === left || roll(3) > 0) return;
          flushes += 1;
          await turns(roll(6));
          await admin().flushall();
        },
        happened: () => flushes,
      };
    });
    expect(failuresOf(results).size).toBeGreaterThan(0);
  }, 600_000);

  it(`is summed exactly through ${FAULTS} restarts with an append-only file that lost its end`, async () => {
    const aof = () =>
      globSync('appendonlydir/*.incr.aof', { cwd: server.directory }).map((name) => join(server.directory, name))[0] ??
      '';
    const results = await feed(FAULTS, { lingerMs: 0 }, (left) => {
      let losses = 0;
      let size = 0;
      let adds = 0;
      return {
        async beside(call) {
          adds += 1;
          if (adds === 2) size = statSync(aof()).size;
          if (adds !== 5 || losses === left) return;
          losses += 1;
          await server.kill();
          // To the length of some adds ago or to any later one, usually in the middle of a command.
          const end = statSync(aof()).size;
          truncateSync(aof(), losses % 2 === 1 ? size : size + roll(Math.max(1, end - size)));
          expect(call).toBe('add');
        },
        repair: () => server.restart(),
        happened: () => losses,
      };
    });
    expect(results.reduce((sum, { resumed }) => sum + resumed, 0)).toBeGreaterThan(0);
  }, 600_000);

  it(`waits and continues through ${FAULTS} hangs of Redis`, async () => {
    const results = await feed(FAULTS, { commandMsMax: 60, connectMsMax: 60 }, (left) => {
      let pauses = 0;
      return {
        async beside(call) {
          if (call !== 'add' || pauses === left || roll(3) > 0) return;
          pauses += 1;
          await admin().client('PAUSE', 150, 'ALL');
        },
        happened: () => pauses,
      };
    });
    expect(failuresOf(results)).toContain('TIMED_OUT');
  }, 600_000);

  it(`is summed exactly through ${FAULTS} failovers to a replica that is behind`, async () => {
    const results = await feed(FAULTS, {}, () => {
      let adds = 0;
      let changes = 0;
      let copy: RedisServer | undefined;
      return {
        async beside(call) {
          if (call !== 'add' || changes > 0) return;
          adds += 1;
          if (adds === 1) {
            copy = await startRedis({ own: true, args: AOF });
            await replicate(admin(copy.port), server.port);
          }
          if (adds === 3) {
            // The replica has the deltas that were added so far, and stops replicating while the server continues.
            const writer = admin();
            await writer.set('replicated', '1');
            expect(await writer.wait(1, 10_000)).toBe(1);
            await admin(copy?.port).replicaof('NO', 'ONE');
          }
          if (adds !== 5 || copy === undefined) return;
          changes += 1;
          await server.stop();
          server = copy;
          proxy.target = copy.port;
        },
        happened: () => changes,
      };
    });
    expect(results.reduce((sum, { resumed }) => sum + resumed, 0)).toBeGreaterThan(0);
  }, 600_000);

  it(`reports full memory, waits and continues, ${FAULTS} times`, async () => {
    const results = await feed(FAULTS, {}, (left) => {
      let fills = 0;
      return {
        async beside(call) {
          if (call !== 'add' || fills === left || roll(3) > 0) return;
          fills += 1;
          await turns(roll(6));
          await admin().config('SET', 'maxmemory', '1mb');
        },
        async repair(code) {
          expect(code).toBe('STORAGE_FULL');
          await admin().config('SET', 'maxmemory', '0');
        },
        happened: () => fills,
      };
    });
    expect(failuresOf(results)).toEqual(new Set(['STORAGE_FULL']));
  }, 600_000);

  it('is not changed by an engine that was fenced', async () => {
    const window = log();
    const slow = engine({ lingerMs: 0 });
    await slow.open(SOURCE, window.fromOffset);
    const result = await feedWindow({
      engine: engine(),
      log: window,
      step: SIZE.step,
      beside: async (call) => {
        if (call !== 'add') return;
        const late = window.delta(copyKeys(undefined), window.fromOffset, window.fromOffset + SIZE.step);
        await expect((async () => slow.add(late))()).rejects.toMatchObject({ code: 'FENCED' });
      },
    });
    expect(result).toMatchObject({ sums: window.expected(), failures: [] });
  });
});

/** Makes a server the replica of another, and waits until it is in sync. */
async function replicate(copy: Redis, port: number): Promise<void> {
  await copy.replicaof('127.0.0.1', port);
  await until(async () => (await copy.info('replication')).includes('master_link_status:up'));
}
