// The ingestor on a cluster of three NATS servers, of which the leader of a stream is killed or resigns, again and again.

import { afterAll, describe, it } from '@jest/globals';
import { freePort, startApp, stopAll, until } from '@pulses/testing-processes';
import { SCALE } from '@pulses/testing-scale';
import { startNats, type NatsServer } from '@pulses/testing-services';
import { createSimRandom } from '@pulses/testing-sim';
import { NatsLink } from '@pulses/testing-system';
import { NatsLoad } from './testing/nats-load';

const LEADER_CHANGES = SCALE.sizeOf({ sample: 4, fault: 12, torture: 60 });
const PULSES_A_ROUND = 500;
const TENANTS = 40;
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

describe(`the ingestor on a cluster of NATS, ${SCALE.note}`, () => {
  it(
    `counts each pulse once while leaders change ${LEADER_CHANGES} times`,
    async () => {
      const servers = await startCluster();
      const urls = servers.map(({ url }) => url).join(',');
      const load = new NatsLoad({ random: createSimRandom(SCALE.seed), tenants: TENANTS });
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
          await load.publish(await open(), PULSES_A_ROUND);
          if (round === LEADER_CHANGES) break;
          // Half of it is read, so that commits are under way.
          const half = load.lastSequence - PULSES_A_ROUND / 2;
          await until(async () => (await (await open()).position('grouped')) > half);
          const stream = round % 2 === 0 ? 'pulses-ingestor' : 'pulses-source';
          const leader = (await (await open()).manager.streams.info(stream)).cluster?.leader ?? '';
          const server = servers[NAMES.indexOf(leader)];
          // One that resigns still runs, and may answer late.
          const isKilled = round % 4 < 2;
          if (isKilled) await server?.kill();
          else await (await open()).stepDown(stream);
          await withLink(async (over) => {
            const now = (await over.manager.streams.info(stream)).cluster?.leader;
            const isRead = (await over.position('grouped')) > load.lastSequence;
            if (now === undefined || now === leader || !isRead) throw new Error('not yet');
          });
          if (isKilled) await server?.restart();
        }
        await withLink(async (over) => {
          if ((await over.position('windowed')) <= load.lastSequence) throw new Error('not yet');
        });
        await load.check(await open());
      } finally {
        await link?.close();
        await stopAll();
        await Promise.all(servers.map((server) => server.stop()));
      }
    },
    180_000 + LEADER_CHANGES * 60_000,
  );
});
