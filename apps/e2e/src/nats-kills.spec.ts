// The ingestor on NATS while servers and ingestors are killed: each pulse is in one grouped line and one window sum.

import { afterAll, describe, expect, it } from '@jest/globals';
import { stopAll, until } from '@pulses/testing-processes';
import { SCALE } from '@pulses/testing-scale';
import { createSimRandom } from '@pulses/testing-sim';
import { NatsLink, pulseLine, startNatsSystem, sumsOf, sumsOfLines, type Pulse } from '@pulses/testing-system';

const PULSES_A_ROUND = 400;
/** More tenants than a batch has messages: commits of lines take several batches, and the sums of a window several commits. */
const TENANTS = 1_500;
const BATCH_MESSAGES_MAX = 100;

afterAll(stopAll);

describe(`the ingestor on NATS, ${SCALE.note}`, () => {
  it.each(['ingestor', 'server', 'both'] as const)('counts each pulse once while %s is killed', async (victim) => {
    const kills = SCALE.sizeOf({ sample: 3, fault: 50, torture: 500 });
    const random = createSimRandom(SCALE.seed);
    const system = await startNatsSystem({
      jetstream: [`limits { batch { max_msgs: ${BATCH_MESSAGES_MAX} } }`],
      ingestorArgs: ['--flush-interval=300ms', '--log-level=warn'],
    });
    try {
      await system.ingestor.waitForReady();
      const published: Pulse[] = [];
      let lastSequence = 0;
      const publish = async (link: NatsLink) => {
        const pulses = Array.from({ length: PULSES_A_ROUND }, (): Pulse => {
          const tenant = `t.${Math.floor(random.fraction() * TENANTS)}`;
          const amount = (random.fraction() * 10 - 1).toFixed(6);
          return { tenant, sku: 'a', unit: 'GiB', amount };
        });
        for (let at = 0; at < pulses.length; at += BATCH_MESSAGES_MAX)
          lastSequence = await link.publish(pulses.slice(at, at + BATCH_MESSAGES_MAX).map(pulseLine));
        published.push(...pulses);
      };
      let link = await NatsLink.open(system.server.url);
      await link.manager.streams.update('pulses-source', { allow_atomic: true });
      for (let kill = 0; kill < kills; kill += 1) {
        await publish(link);
        // Some kills come while commits are under way, others when all is stored.
        const target = lastSequence - Math.floor(random.fraction() * PULSES_A_ROUND);
        await until(async () => (await link.position('grouped')) > target);
        await publish(link);
        if (victim !== 'ingestor') {
          await link.close();
          await system.server.restart();
          link = await NatsLink.open(system.server.url);
        }
        if (victim !== 'server') await system.restartIngestor('SIGKILL');
      }
      await until(async () => (await link.position('windowed')) > lastSequence);

      const grouped = (await link.outputs('grouped.pulses')).flatMap(({ lines }) => lines);
      const sums = (await link.outputs('aggregated.pulses.amount')).flatMap(({ lines }) => lines);
      const counts = sums.map((line) => (JSON.parse(line) as { pulse_count: number }).pulse_count);
      expect({
        lines: grouped.length,
        ids: new Set(grouped.map((line) => (JSON.parse(line) as { object_id: string }).object_id)).size,
        inWindows: counts.reduce((sum, count) => sum + count, 0),
      }).toEqual({ lines: published.length, ids: published.length, inWindows: published.length });
      const expected = sumsOf(published);
      expect(sumsOfLines(grouped, 'used_amount')).toEqual(expected);
      expect(sumsOfLines(sums, 'total_amount')).toEqual(expected);
      await link.close();
    } finally {
      await system.stop();
    }
  });
});
