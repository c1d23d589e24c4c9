// The ingestor on NATS while servers and ingestors are killed or stopped: each pulse is in one grouped line and one window sum.

import { afterAll, describe, it } from '@jest/globals';
import { freePort, startApp, stopAll, until } from '@pulses/testing-processes';
import { SCALE } from '@pulses/testing-scale';
import { createSimRandom } from '@pulses/testing-sim';
import { NatsLink, startNatsSystem } from '@pulses/testing-system';
import { NatsLoad } from './testing/nats-load';
import { readyDetail } from './testing/ready-reason';

const KILLS = SCALE.sizeOf({ sample: 3, fault: 50, torture: 500 });
const STOPS = SCALE.sizeOf({ sample: 1, fault: 6, torture: 50 });
const PULSES_A_ROUND = 400;
/** More tenants than a batch has messages: commits of lines take several batches, and the sums of a window several commits. */
const TENANTS = 1_500;
const BATCH_MESSAGES_MAX = 100;
const ARGS = ['--flush-interval=300ms', '--log-level=warn'];

const startSystem = () =>
  startNatsSystem({ jetstream: [`limits { batch { max_msgs: ${BATCH_MESSAGES_MAX} } }`], ingestorArgs: ARGS });
const startLoad = () =>
  new NatsLoad({ random: createSimRandom(SCALE.seed), tenants: TENANTS, batchMessagesMax: BATCH_MESSAGES_MAX });

afterAll(stopAll);

describe(`the ingestor on NATS, ${SCALE.note}`, () => {
  it.each(['ingestor', 'server', 'both'] as const)(
    `counts each pulse once while %s is killed ${KILLS} times`,
    async (victim) => {
      const load = startLoad();
      const system = await startSystem();
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

  it(
    `fences a member that was stopped for longer than its lease, ${STOPS} times`,
    async () => {
      const load = startLoad();
      const system = await startSystem();
      try {
        await system.ingestor.waitForReady();
        const httpPort = await freePort();
        const other = startApp({
          app: 'ingestor',
          args: ['--connector=nats', `--nats-url=${system.server.url}`, `--http-port=${httpPort}`, ...ARGS],
        });
        await other.waitForReady();
        const members = [
          { app: system.ingestor, httpPort: system.ingestorHttpPort },
          { app: other, httpPort },
        ];
        const link = await NatsLink.open(system.server.url);
        for (let stop = 0; stop < STOPS; stop += 1) {
          const [active, standby] = stop % 2 === 0 ? members : members.toReversed();
          if (active === undefined || standby === undefined) throw new Error('two members');
          await until(async () => (await readyDetail(active.httpPort)) === 'active');
          await until(async () => (await readyDetail(standby.httpPort)).startsWith('standby'));
          await load.publish(link, PULSES_A_ROUND);
          const target = load.within(PULSES_A_ROUND);
          await until(async () => (await link.position('grouped')) > target);
          await load.publish(link, PULSES_A_ROUND);
          active.app.signal('SIGSTOP');
          await until(async () => (await readyDetail(standby.httpPort)) === 'active');
          await load.publish(link, PULSES_A_ROUND);
          active.app.signal('SIGCONT');
        }
        await load.check(link);
        await link.close();
      } finally {
        system.ingestor.signal('SIGCONT');
        await stopAll();
        await system.stop();
      }
    },
    120_000 + STOPS * 60_000,
  );
});
