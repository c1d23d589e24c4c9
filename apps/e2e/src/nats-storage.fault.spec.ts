// A NATS that has no more room: the ingestor says where, waits, and continues once there is some. Nothing is skipped.

import { afterEach, describe, expect, it } from '@jest/globals';
import { makeTempDirectory, startApp, stopAll, until } from '@pulses/testing-processes';
import { itWith, SCALE } from '@pulses/testing-scale';
import { createSimRandom } from '@pulses/testing-sim';
import { NatsLink, startNatsSystem, type NatsSystem } from '@pulses/testing-system';
import { DiscardPolicy } from '@nats-io/jetstream';
import { execFileSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkNatsOutputs } from './testing/nats-check';
import { NatsLoad } from './testing/nats-load';
import { readyReason } from './testing/ready-reason';

/** One batch. */
const PULSES = 1_000;
const TENANTS = 50;
const ROOM_BYTES = 100_000;
const RATE = 1_000;
/** More than the room takes. */
const COUNT = 3_000;
const FILE_STORE_MIB = 4;
const DISK_MIB = 64;
const DISK_LEFT_BYTES = 1024 * 1024;
const ARGS = ['--flush-interval=500ms', '--log-level=warn'];

describe(`on a NATS without room, ${SCALE.note}`, () => {
  let system: NatsSystem;
  let link: NatsLink;
  const load = () => new NatsLoad({ random: createSimRandom(SCALE.seed), tenants: TENANTS });
  const start = async (options: Parameters<typeof startNatsSystem>[0] = {}) => {
    system = await startNatsSystem({ ingestorArgs: ARGS, ...options });
    await system.ingestor.waitForReady();
    link = await NatsLink.open(system.server.url);
  };
  const untilReason = (pattern: RegExp) => until(async () => pattern.test(await readyReason(system.ingestorHttpPort)));

  afterEach(async () => {
    await stopAll();
    await system.stop();
  });

  it('goes on when a full output stream is given room', async () => {
    await start();
    const pulses = load();
    await pulses.publish(link, PULSES);
    await until(async () => (await link.position('windowed')) > pulses.lastSequence);
    const { bytes } = (await link.manager.streams.info('pulses-ingestor')).state;
    await link.manager.streams.update('pulses-ingestor', { max_bytes: bytes + ROOM_BYTES });
    for (let round = 0; round < 5; round += 1) await pulses.publish(link, PULSES);
    await untilReason(/^NATS refused a commit to the stream pulses-ingestor: maximum bytes exceeded .*raise max_bytes/);
    await link.manager.streams.update('pulses-ingestor', { max_bytes: -1 });
    await pulses.check(link);
    await link.close();
  });

  it('goes on when a full source stream is given room', async () => {
    await start();
    const pulses = load();
    await pulses.publish(link, PULSES);
    const name = 'pulses-source';
    const { bytes } = (await link.manager.streams.info(name)).state;
    await link.manager.streams.update(name, { max_bytes: bytes + ROOM_BYTES, discard: DiscardPolicy.New });
    const generator = startApp({
      app: 'stub-generator',
      args: ['--connector=nats', `--nats-url=${system.server.url}`, `--rate=${RATE}`, `--count=${COUNT}`],
    });
    await generator.waitForOutput(
      /"STORAGE_FULL".*a batch of the stream pulses-source: maximum bytes .*raise max_bytes/,
    );
    await link.manager.streams.update(name, { max_bytes: -1 });
    expect((await generator.exited).code).toBe(0);
    expect(await checkNatsOutputs(link)).toHaveLength(PULSES + COUNT);
    await link.close();
  });

  it('goes on when a server with a full store is given room', async () => {
    await start({ jetstream: [`max_file_store: ${FILE_STORE_MIB}MB`] });
    const pulses = load();
    await pulses.fill(link, PULSES);
    await untilReason(/^NATS refused .*insufficient resources .*raise max_file_store of the server/);
    await link.close();
    await system.server.restart([], []);
    link = await NatsLink.open(system.server.url);
    await pulses.settle(link);
    await pulses.publish(link, PULSES);
    await pulses.check(link);
    await link.close();
  });

  itWith('mount')('goes on when a full disk has room again', async () => {
    const directory = await makeTempDirectory();
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', directory.path]);
    try {
      await start({ storeDirectory: directory.path });
      const pulses = load();
      await pulses.publish(link, PULSES);
      const { bavail, bsize } = statfsSync(directory.path);
      writeFileSync(join(directory.path, 'filler'), Buffer.alloc(bavail * bsize - DISK_LEFT_BYTES));
      await pulses.fill(link, PULSES);
      await untilReason(/^NATS did not answer to a commit to the stream pulses-ingestor: .*disk/);
      rmSync(join(directory.path, 'filler'));
      // A stream that met a full disk stores nothing until its server starts again.
      await link.close();
      await system.server.restart();
      link = await NatsLink.open(system.server.url);
      await pulses.settle(link);
      await pulses.publish(link, PULSES);
      await pulses.check(link);
      await link.close();
      await stopAll();
      await system.stop();
    } finally {
      execFileSync('umount', ['--lazy', directory.path]);
      await directory.remove();
    }
  });
});
