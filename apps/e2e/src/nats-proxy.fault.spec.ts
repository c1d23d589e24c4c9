// A connection to NATS that is cut at each message of a commit: the commit is stored or not, and either is right.

import { afterEach, describe, it } from '@jest/globals';
import { freePort, startApp, stopAll, until } from '@pulses/testing-processes';
import { SCALE } from '@pulses/testing-scale';
import { startNats, type NatsServer } from '@pulses/testing-services';
import { createSimRandom } from '@pulses/testing-sim';
import { NatsLink, startNatsProxy, type NatsCut, type NatsProxy } from '@pulses/testing-system';
import { NatsLoad } from './testing/nats-load';

const PULSES = 500;
const FEW_TENANTS = 20;
/** More than a batch has messages: outputs are moved from a journal by several batches. */
const MANY_TENANTS = 300;
const BATCH_MESSAGES_MAX = 100;
const ANSWERS = 5;

const before = (...messages: readonly number[]): NatsCut[] => messages.map((message) => ({ kind: 'before', message }));
const answers = Array.from({ length: ANSWERS }, (): NatsCut => ({ kind: 'answer' }));
const everyMessage = Array.from({ length: FEW_TENANTS }, (_, index) => index + 1);
/** Of a batch with a journal and of those that move it. */
const someOfMany = [1, 2, 3, 4, 50, BATCH_MESSAGES_MAX - 1, BATCH_MESSAGES_MAX];

describe(`a connection to NATS, ${SCALE.note}`, () => {
  let server: NatsServer;
  let proxy: NatsProxy;

  afterEach(async () => {
    await stopAll();
    await proxy.close();
    await server.stop();
  });

  it.each([
    ['a commit of one batch', FEW_TENANTS, [...before(...everyMessage), ...answers]],
    ['a commit of several batches', MANY_TENANTS, [...before(...someOfMany), ...answers]],
  ] as const)(
    'loses and doubles nothing when it is cut in %s',
    async (_, tenants, cuts) => {
      server = await startNats({ jetstream: [`limits { batch { max_msgs: ${BATCH_MESSAGES_MAX} } }`] });
      proxy = await startNatsProxy(server.port);
      const ingestor = startApp({
        app: 'ingestor',
        args: [
          ...['--connector=nats', `--nats-url=${proxy.url}`, `--http-port=${await freePort()}`],
          ...['--flush-interval=300ms', '--log-level=warn'],
        ],
      });
      await ingestor.waitForReady();
      const link = await NatsLink.open(server.url);
      const load = new NatsLoad({ random: createSimRandom(SCALE.seed), tenants, batchMessagesMax: BATCH_MESSAGES_MAX });
      for (const cut of cuts) {
        let isCut = false;
        void proxy.cutNext(cut).then(() => (isCut = true));
        // A batch may have fewer messages.
        while (!isCut) {
          await load.publish(link, PULSES);
          await until(async () => isCut || (await link.position('grouped')) > load.lastSequence);
        }
        await until(async () => (await link.position('grouped')) > load.lastSequence);
      }
      await load.check(link);
      await link.close();
    },
    600_000,
  );
});
