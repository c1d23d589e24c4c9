// A Kafka that changes under a running ingestor: topics, partitions, leaders, space.

import { afterEach, describe, expect, it } from '@jest/globals';
import { startKafka, type KafkaServer } from '@pulses/testing-services';
import { itWith } from '@pulses/testing-scale';
import { makeTempDirectory, stopAll, until } from '@pulses/testing-processes';
import { execFileSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KafkaSystem } from './testing/kafka-system';

const PULSES = 3_000;
const LEADER_CHANGES = 4;
const DISK_MIB = 400;
const DISK_LEFT_BYTES = 2 * 1024 * 1024;
/** More than fit into what is left. */
const DISK_LINES_MAX = 60_000;

describe('on a Kafka that changes', () => {
  let kafka: KafkaServer;
  let system: KafkaSystem;

  afterEach(async () => {
    await stopAll();
    await system.close();
    await kafka.stop();
  });

  it('a source that was deleted and made again is another one', async () => {
    kafka = await startKafka({});
    system = await KafkaSystem.open(kafka);
    const ingestor = await system.startIngestor();
    const first = system.startLoad();
    first.send(PULSES);
    await first.finish();
    expect(await system.check()).toEqual([]);
    for (const topic of system.topicNames) await system.admin.deleteTopic(topic);
    for (const topic of system.topicNames) await system.admin.createTopic(topic);
    const second = system.startLoad();
    second.send(PULSES);
    await second.finish();
    expect(await system.check()).toEqual([]);
    expect((await ingestor.app.stop()).code).toBe(0);
  }, 300_000);

  it('a partition that is added is read from its start', async () => {
    kafka = await startKafka({});
    system = await KafkaSystem.open(kafka);
    const ingestor = await system.startIngestor();
    const load = system.startLoad();
    load.send(PULSES);
    await ingestor.untilGrouped(0);
    await load.finish();
    await system.admin.addPartitions(system.topics.source, 3);
    const after = system.startLoad();
    after.send(PULSES);
    await after.finish();
    expect(await system.check()).toEqual([]);
  }, 300_000);

  itWith('mount')(
    'a node whose disk was full goes on where it was',
    async () => {
      const directory = await makeTempDirectory();
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', directory.path]);
      try {
        kafka = await startKafka({ dataDirectory: directory.path, properties: { 'log.segment.bytes': '1048576' } });
        system = await KafkaSystem.open(kafka);
        const ingestor = await system.startIngestor();
        const load = system.startLoad();
        load.send(PULSES);
        await ingestor.untilGrouped(0);
        const [node] = kafka.nodes;
        const { bavail, bsize } = statfsSync(directory.path);
        writeFileSync(join(directory.path, 'filler'), Buffer.alloc(bavail * bsize - DISK_LEFT_BYTES));
        let hasEnded = false;
        void node?.ended().then(() => (hasEnded = true));
        await until(() => {
          if (load.sent < DISK_LINES_MAX) load.send(1_000);
          return hasEnded;
        });
        rmSync(join(directory.path, 'filler'));
        await node?.restart();
        await load.finish();
        expect(await system.check()).toEqual([]);
        await stopAll();
        await kafka.stop();
      } finally {
        execFileSync('umount', ['--lazy', directory.path]);
        await directory.remove();
      }
    },
    300_000,
  );

  it('leaders that change on three nodes lose and double nothing', async () => {
    kafka = await startKafka({ nodes: 3 });
    system = await KafkaSystem.open(kafka, { replicas: 3, partitions: 3 });
    const ingestor = await system.startIngestor();
    const load = system.startLoad();
    for (let round = 0; round < LEADER_CHANGES; round += 1) {
      const before = await ingestor.grouped();
      load.send(PULSES);
      await ingestor.untilGrouped(before);
      const [leader] = await system.admin.leaders(system.topics.source);
      const node = kafka.nodes.find(({ id }) => id === leader);
      await node?.kill();
      load.send(PULSES);
      await until(async () => (await system.admin.leaders(system.topics.source))[0] !== leader);
      await node?.start();
    }
    await load.finish();
    expect(await system.check()).toEqual([]);
  }, 600_000);
});
