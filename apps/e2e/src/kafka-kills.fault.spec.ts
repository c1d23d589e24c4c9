// Ingestors and a Kafka node that are killed or stopped under load. kcat reads what is committed, and every line and sum is
// compared with the source.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startKafka, type KafkaServer } from '@pulses/testing-services';
import { SCALE } from '@pulses/testing-scale';
import { stopAll } from '@pulses/testing-processes';
import { KafkaSystem, type KafkaIngestor } from './testing/kafka-system';

const INGESTOR_KILLS = SCALE.sizeOf({ sample: 3, fault: 50, torture: 500 });
const NODE_KILLS = SCALE.sizeOf({ sample: 2, fault: 20, torture: 100 });
const CHAOS_MS = SCALE.sizeOf({ sample: 20_000, fault: 120_000, torture: 1_200_000 });
const CHAOS_KILL_MS = 5_000;
const PULSES_A_ROUND = 3_000;
const PARTITIONS = 6;
/** Shorter than Kafka's own, so that a stopped member is replaced soon. */
const SESSION = {
  'group.consumer.session.timeout.ms': '6000',
  'group.consumer.min.session.timeout.ms': '6000',
  'group.consumer.min.heartbeat.interval.ms': '1000',
  'group.consumer.heartbeat.interval.ms': '1000',
};

let kafka: KafkaServer;
let system: KafkaSystem;

afterEach(async () => {
  await stopAll();
  await system.close();
  await kafka.stop();
});

describe('on a real Kafka', () => {
  beforeEach(async () => {
    kafka = await startKafka({ properties: SESSION });
  });

  it(
    `an ingestor that is killed ${INGESTOR_KILLS} times loses and doubles nothing`,
    async () => {
      system = await KafkaSystem.open(kafka);
      const load = system.startLoad();
      for (let round = 0; round < INGESTOR_KILLS; round += 1) {
        load.send(PULSES_A_ROUND);
        const ingestor = await system.startIngestor();
        // Commits follow each other closely, so a kill falls into one.
        await ingestor.untilGrouped((round * 137) % (PULSES_A_ROUND - 500));
        await ingestor.kill();
      }
      await load.finish();
      await system.startIngestor();
      expect(await system.check()).toEqual([]);
    },
    120_000 + INGESTOR_KILLS * 30_000,
  );

  it(
    `three ingestors on ${PARTITIONS} partitions, of which one is killed again and again, share the work exactly`,
    async () => {
      system = await KafkaSystem.open(kafka, { partitions: PARTITIONS });
      const ingestors: KafkaIngestor[] = [];
      for (let index = 0; index < 3; index += 1) ingestors.push(await system.startIngestor());
      const load = system.startLoad();
      const startMs = Date.now();
      for (let kills = 0; Date.now() - startMs < CHAOS_MS; kills += 1) {
        const nextMs = startMs + (kills + 1) * CHAOS_KILL_MS;
        while (Date.now() < nextMs) {
          load.send(100);
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
        await ingestors[kills % 3]?.kill();
        ingestors[kills % 3] = await system.startIngestor();
      }
      await load.finish();
      expect(await system.check()).toEqual([]);
    },
    240_000 + CHAOS_MS * 2,
  );

  it('an ingestor that was stopped longer than its session is fenced, and works again', async () => {
    system = await KafkaSystem.open(kafka);
    const load = system.startLoad();
    const first = await system.startIngestor();
    load.send(PULSES_A_ROUND);
    await first.untilGrouped(0);
    const second = await system.startIngestor();
    first.app.signal('SIGSTOP');
    load.send(PULSES_A_ROUND);
    // The second one has the partition once the session of the first is over.
    await second.untilGrouped(0);
    first.app.signal('SIGCONT');
    load.send(PULSES_A_ROUND);
    await second.kill();
    await load.finish();
    expect(await system.check()).toEqual([]);
  });
});

// From 4.3.0 on, the node itself may forget to end a transaction when it is killed while it ends it (KAFKA-20734), and the
// ingestor then waits for an operator. On three nodes the newest release is killed too, in kafka-cluster.fault.spec.ts.
describe('on a real Kafka without KAFKA-20734', () => {
  beforeEach(async () => {
    kafka = await startKafka({ version: '4.2.2', properties: SESSION });
  });

  it(
    `a Kafka node that is killed ${NODE_KILLS} times costs nothing`,
    async () => {
      system = await KafkaSystem.open(kafka);
      const ingestor = await system.startIngestor();
      const load = system.startLoad();
      for (let round = 0; round < NODE_KILLS; round += 1) {
        const before = await ingestor.grouped();
        load.send(PULSES_A_ROUND);
        await ingestor.untilGrouped(before + ((round * 137) % 1_000));
        await kafka.restart();
      }
      await load.finish();
      expect(await system.check()).toEqual([]);
    },
    120_000 + NODE_KILLS * 60_000,
  );
});
