// The ingestor on a cluster of three NATS servers, of which the leader of a stream is killed again and again.

import { afterAll, describe, expect, it } from '@jest/globals';
import { freePort, startApp, stopAll, until } from '@pulses/testing-processes';
import { startNats, type NatsServer } from '@pulses/testing-services';
import { NatsLink, pulseLine, sumsOf, sumsOfLines, type Pulse } from '@pulses/testing-system';

const LEADER_CHANGES = 4;
const PULSES_A_ROUND = 500;
const NAMES = ['n0', 'n1', 'n2'];

afterAll(stopAll);

const attempt = async (run: () => Promise<unknown>): Promise<boolean> =>
  await run().then(
    () => true,
    () => false,
  );

async function startCluster(): Promise<NatsServer[]> {
  const ports = [await freePort(), await freePort(), await freePort()];
  const routes = ports.map((port) => `"nats://127.0.0.1:${port}"`).join(', ');
  return await Promise.all(
    NAMES.map((name, index) =>
      startNats({
        lines: [
          `server_name: ${name}`,
          `cluster { name: pulses, host: "127.0.0.1", port: ${ports[index] ?? 0}, routes: [${routes}] }`,
        ],
      }),
    ),
  );
}

describe('the ingestor on a cluster of NATS', () => {
  it('counts each pulse once while leaders are killed', async () => {
    const servers = await startCluster();
    const urls = servers.map(({ url }) => url).join(',');
    const published: Pulse[] = [];
    let lastSequence = 0;
    let link: NatsLink | undefined;
    const open = async (): Promise<NatsLink> => (link ??= await NatsLink.open(urls));
    /** Another server may have to be asked, and a new leader to be chosen. */
    const withLink = (run: (link: NatsLink) => Promise<unknown>) =>
      until(async () => {
        if (await attempt(async () => run(await open()))) return true;
        await link?.close();
        link = undefined;
        return false;
      });
    try {
      await withLink((over) => over.createSource(3));
      await withLink((over) =>
        over.manager.streams.add({
          name: 'pulses-ingestor',
          subjects: ['tenants.*.grouped.pulses', 'tenants.*.aggregated.pulses.amount', 'source.pulses.dead-letter'],
          num_replicas: 3,
          allow_atomic: true,
          allow_rollup_hdrs: true,
        }),
      );
      const ingestor = startApp({
        app: 'ingestor',
        args: ['--connector=nats', `--nats-url=${urls}`, `--http-port=${await freePort()}`, '--flush-interval=500ms'],
      });
      await ingestor.waitForReady();
      for (let round = 0; round <= LEADER_CHANGES; round += 1) {
        const pulses = Array.from({ length: PULSES_A_ROUND }, (_, index): Pulse => {
          return { tenant: `t${index % 40}`, sku: `s${round}`, unit: 'GiB', amount: `${index}.${round}` };
        });
        lastSequence = await (await open()).publish(pulses.map(pulseLine));
        published.push(...pulses);
        if (round === LEADER_CHANGES) break;
        // Half of it is read, so that commits are under way.
        const half = lastSequence - PULSES_A_ROUND / 2;
        await until(async () => (await (await open()).position('grouped')) > half);
        const stream = round % 2 === 0 ? 'pulses-ingestor' : 'pulses-source';
        const leader = (await (await open()).manager.streams.info(stream)).cluster?.leader ?? '';
        const server = servers[NAMES.indexOf(leader)];
        await server?.kill();
        await withLink(async (over) => {
          const now = (await over.manager.streams.info(stream)).cluster?.leader;
          const isRead = (await over.position('grouped')) > lastSequence;
          if (now === undefined || now === leader || !isRead) throw new Error('not yet');
        });
        await server?.restart();
      }
      await withLink(async (over) => {
        if ((await over.position('windowed')) <= lastSequence) throw new Error('not yet');
      });
      const reader = await open();
      const grouped = (await reader.outputs('grouped.pulses')).flatMap(({ lines }) => lines);
      const sums = (await reader.outputs('aggregated.pulses.amount')).flatMap(({ lines }) => lines);
      expect(grouped).toHaveLength(published.length);
      expect(sumsOfLines(grouped, 'used_amount')).toEqual(sumsOf(published));
      expect(sumsOfLines(sums, 'total_amount')).toEqual(sumsOf(published));
    } finally {
      await link?.close();
      await stopAll();
      await Promise.all(servers.map((server) => server.stop()));
    }
  });
});
