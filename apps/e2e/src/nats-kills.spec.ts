// The ingestor on NATS while servers and ingestors are killed: each pulse is in one grouped line and one window sum.

import { afterAll, describe, it } from '@jest/globals';
import { stopAll, until } from '@pulses/testing-processes';
import { SCALE } from '@pulses/testing-scale';
import { createSimRandom } from '@pulses/testing-sim';
import { NatsLink, startNatsSystem } from '@pulses/testing-system';
import { NatsLoad } from './testing/nats-load';

const KILLS = SCALE.sizeOf({ sample: 3, fault: 50, torture: 500 });
const PULSES_A_ROUND = 400;
/** More tenants than a batch has messages: some commits take several batches. */
const TENANTS = 1_500;

afterAll(stopAll);

describe(`the ingestor on NATS, ${SCALE.note}`, () => {
  it.each(['ingestor', 'server', 'both'] as const)(
    `counts each pulse once while %s is killed ${KILLS} times`,
    async (victim) => {
      const load = new NatsLoad({ random: createSimRandom(SCALE.seed), tenants: TENANTS });
      const system = await startNatsSystem({ ingestorArgs: ['--flush-interval=300ms', '--log-level=warn'] });
      try {
        await system.ingestor.waitForReady();
        let link = await NatsLink.open(system.server.url);
        for (let kill = 0; kill < KILLS; kill += 1) {
          await load.publish(link, PULSES_A_ROUND);
          // Some kills come while commits are under way, others when all is stored.
          const target = load.within(PULSES_A_ROUND);
          await until(async () => (await link.position('grouped')) > target);
          await load.publish(link, PULSES_A_ROUND);
          await link.close();
          // Both at once: the new ingestor may start before the new server.
          await Promise.all([
            victim === 'ingestor' ? undefined : system.server.restart(),
            victim === 'server' ? undefined : system.restartIngestor('SIGKILL'),
          ]);
          link = await NatsLink.open(system.server.url);
        }
        await load.check(link);
        await link.close();
      } finally {
        await system.stop();
      }
    },
    120_000 + KILLS * 30_000,
  );
});
