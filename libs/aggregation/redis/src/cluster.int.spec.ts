import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort, until } from '@pulses/testing-processes';
import { startRedis, type RedisServer } from '@pulses/testing-services';
import { Redis } from 'ioredis';
import { feedWindow } from './testing/feed-window';
import { engineOver } from './testing/engines';
import { createWindowLog, SOURCE } from './testing/window-log';

const SLOTS = 16_384;
const NODES = 3;

describe('a cluster of three Redis nodes', () => {
  const nodes: { server: RedisServer; redis: Redis }[] = [];

  beforeAll(async () => {
    const bus: number[] = [];
    for (let node = 0; node < NODES; node += 1) {
      bus.push(await freePort());
      const args = ['--cluster-enabled', 'yes', '--cluster-port', String(bus[node]), '--cluster-node-timeout', '2000'];
      const server = await startRedis({ own: true, args });
      nodes.push({ server, redis: new Redis(server.port) });
    }
    const share = Math.ceil(SLOTS / NODES);
    for (const [node, { redis }] of nodes.entries())
      await redis.call('CLUSTER', 'ADDSLOTSRANGE', node * share, Math.min(SLOTS, (node + 1) * share) - 1);
    for (const [node, { server }] of nodes.entries())
      if (node > 0) await nodes[0]?.redis.call('CLUSTER', 'MEET', '127.0.0.1', server.port, bus[node] ?? 0);
    for (const { redis } of nodes)
      await until(async () => (await redis.cluster('INFO')).includes('cluster_state:ok'), 30_000);
  }, 60_000);
  afterAll(async () => {
    for (const { server, redis } of nodes) {
      redis.disconnect();
      await server.stop();
    }
  });

  it('keeps each source on one node, whichever node is asked first, and spreads several sources', async () => {
    const log = createWindowLog({ seed: 3, messages: 4_000, keys: 1_000 });
    const keyPrefix = nodes[0]?.server.keyPrefix ?? '';
    const used = new Set<number>();
    for (let source = 0; source < 12; source += 1) {
      const engine = engineOver({ url: nodes[source % NODES]?.server.url ?? '', keyPrefix }, { lingerMs: 0 });
      let found: number[] = [];
      const result = await feedWindow({
        engine,
        log,
        source: { ...SOURCE, topic: `source.${source}` },
        step: 1_000,
        beside: async (call) => {
          if (call !== 'seal') return;
          // Unlike the sources before, an open window has rows.
          const counts = await Promise.all(
            nodes.map(async ({ redis }) => (await redis.keys(`${keyPrefix}:*:r0`)).length),
          );
          found = counts.flatMap((count, node) => (count > 0 ? [node] : []));
        },
      });
      expect(result).toMatchObject({ sums: log.expected(), failures: [] });
      expect(found).toHaveLength(1);
      used.add(found[0] as number);
      await engine.close();
    }
    expect(used.size).toBeGreaterThan(1);
  });

  it('is followed when the keys move to another node', async () => {
    const log = createWindowLog({ seed: 4, messages: 6_000, keys: 1_000 });
    const engine = engineOver(
      { url: nodes[0]?.server.url ?? '', keyPrefix: nodes[0]?.server.keyPrefix ?? '' },
      { lingerMs: 0 },
    );
    let adds = 0;
    const result = await feedWindow({
      engine,
      log,
      step: 1_000,
      beside: async (call) => {
        adds += 1;
        if (call === 'add' && adds === 3) await moveSlot(nodes.map(({ redis }) => redis));
      },
    });
    expect(result.sums).toEqual(log.expected());
    expect(result.failures.length).toBeGreaterThan(0);
    await engine.close();
  });
});

/** Moves the slot of the keys to another node without the keys, like a failover that lost them. */
async function moveSlot(nodes: readonly Redis[]): Promise<void> {
  const owners = await Promise.all(nodes.map((redis) => redis.keys('*')));
  const from = owners.findIndex((keys) => keys.some((key) => key.includes(':0-')));
  const key = owners[from]?.[0] ?? '';
  const slot = Number(await nodes[from]?.cluster('KEYSLOT', key));
  const to = (from + 1) % nodes.length;
  const id = String(await nodes[to]?.call('CLUSTER', 'MYID'));
  for (const node of [to, from]) await nodes[node]?.call('CLUSTER', 'SETSLOT', slot, 'NODE', id).catch(() => undefined);
  await nodes[from]?.flushall();
  for (const node of [from, ...nodes.keys()]) await nodes[node]?.call('CLUSTER', 'SETSLOT', slot, 'NODE', id);
}
