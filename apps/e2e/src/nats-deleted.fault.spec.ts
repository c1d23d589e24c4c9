// Streams of NATS that are deleted under an ingestor.

import { afterEach, describe, expect, it } from '@jest/globals';
import { stopAll, until } from '@pulses/testing-processes';
import { SCALE } from '@pulses/testing-scale';
import { createSimRandom } from '@pulses/testing-sim';
import { NatsLink, startNatsSystem, sumsOfLines, type NatsSystem } from '@pulses/testing-system';
import { sumsOfSource } from './testing/nats-check';
import { NatsLoad } from './testing/nats-load';
import { readyReason } from './testing/ready-reason';

const PULSES = 2_000;
const TENANTS = 50;
const [SOURCE, OUTPUTS] = ['pulses-source', 'pulses-ingestor'];

describe(`on a NATS whose streams are deleted, ${SCALE.note}`, () => {
  let system: NatsSystem;
  let link: NatsLink;
  const random = createSimRandom(SCALE.seed);

  const start = async () => {
    system = await startNatsSystem({ ingestorArgs: ['--flush-interval=500ms', '--log-level=warn'] });
    await system.ingestor.waitForReady();
    link = await NatsLink.open(system.server.url);
  };
  const again = async (stream: string, how: string) => {
    const { config } = await link.manager.streams.info(stream);
    await link.manager.streams.delete(stream);
    if (how === 'made again') await link.manager.streams.add(config);
  };
  afterEach(async () => {
    await stopAll();
    await link.close();
    await system.stop();
  });

  it.each(['deleted', 'made again'])(
    'says that the output stream was %s, and stores nothing before a start',
    async (how) => {
      await start();
      const load = new NatsLoad({ random, tenants: TENANTS });
      await load.publish(link, PULSES);
      await until(async () => (await link.position('windowed')) > load.lastSequence);
      await again(OUTPUTS, how);
      await load.publish(link, PULSES);
      await until(async () =>
        (await readyReason(system.ingestorHttpPort)).startsWith(`the stream ${OUTPUTS} was deleted, and the positions`),
      );
      const names = await link.manager.streams.names().next();
      expect(names.includes(OUTPUTS)).toBe(how === 'made again');
      if (how === 'made again') expect((await link.manager.streams.info(OUTPUTS)).state.messages).toBe(0);
      await system.restartIngestor('SIGTERM');
      await system.ingestor.waitForReady();
      await load.check(link);
    },
  );

  it.each(['deleted', 'made again'])('says that the source was %s, and takes it for another one', async (how) => {
    await start();
    const [former, next] = [new NatsLoad({ random, tenants: TENANTS }), new NatsLoad({ random, tenants: TENANTS })];
    await former.publish(link, PULSES);
    await former.check(link);
    const before = await link.sourceMessages();
    await again(SOURCE, how);
    await system.ingestor.waitForOutput(/the stream pulses-source was made again: the positions on the former/);
    await until(async () => (await readyReason(system.ingestorHttpPort)) === '');
    await next.publish(link, PULSES);
    await until(async () => (await link.position('windowed')) > next.lastSequence);
    const all = [...before, ...(await link.sourceMessages())].map(({ line }) => line);
    const linesOf = async (kind: 'grouped.pulses' | 'aggregated.pulses.amount') =>
      (await link.outputs(kind)).flatMap(({ lines }) => lines);
    const grouped = await linesOf('grouped.pulses');
    expect(new Set(grouped.map((line) => (JSON.parse(line) as { object_id: string }).object_id)).size).toBe(2 * PULSES);
    expect(grouped).toHaveLength(2 * PULSES);
    expect(sumsOfLines(grouped, 'used_amount')).toEqual(sumsOfSource(all));
    expect(sumsOfLines(await linesOf('aggregated.pulses.amount'), 'total_amount')).toEqual(sumsOfSource(all));
  });
});
