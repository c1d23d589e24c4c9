// A NATS server that is away for longer than the client's and the server's own memory of messages in flight.

import { afterEach, describe, expect, it } from '@jest/globals';
import { startApp, stopAll, until } from '@pulses/testing-processes';
import { SCALE } from '@pulses/testing-scale';
import { exactUnits, NatsLink, numberText, startNatsSystem, type NatsSystem } from '@pulses/testing-system';
import { readFileSync } from 'node:fs';
import { checkNatsOutputs } from './testing/nats-check';
import { readyReason } from './testing/ready-reason';

/** Longer than a server remembers ids, which are two minutes. */
const OUTAGE_MS = SCALE.sizeOf({ sample: 3_000, fault: 150_000 });
const RATE = 500;
const PULSES_BEFORE = 1_000;
/** Above what the process has before. */
const MEMORY_GROWTH_MIB_MAX = 64;
const RETRY_MS = 1_000;
const FIRST_RETRIES = 15;

const memoryMiB = (pid: number) =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) / 1024;

describe('an outage of NATS', () => {
  let system: NatsSystem;
  afterEach(async () => {
    await stopAll();
    await system.stop();
  });

  it(
    `of ${OUTAGE_MS / 1000} s costs ingestor and generator nothing but time`,
    async () => {
      system = await startNatsSystem({ ingestorArgs: ['--flush-interval=500ms', '--log-level=debug'] });
      const { server, ingestor } = system;
      await ingestor.waitForReady();
      const generator = startApp({
        app: 'stub-generator',
        args: ['--connector=nats', `--nats-url=${server.url}`, `--rate=${RATE}`, '--log-level=debug'],
      });
      const hasEnded = { ingestor: false, generator: false };
      void ingestor.exited.then(() => (hasEnded.ingestor = true));
      void generator.exited.then(() => (hasEnded.generator = true));
      let link = await NatsLink.open(server.url);
      await until(async () => (await link.position('windowed')) > PULSES_BEFORE);
      await link.close();
      const apps = [ingestor, generator];
      const before = apps.map(({ pid }) => memoryMiB(pid));

      await server.kill();
      const startMs = performance.now();
      const most = [...before];
      await until(async () => {
        expect(hasEnded).toEqual({ ingestor: false, generator: false });
        for (const [index, { pid }] of apps.entries()) most[index] = Math.max(most[index] ?? 0, memoryMiB(pid));
        const reason = await readyReason(system.ingestorHttpPort);
        // The end of the connection comes first, then that no other can be opened.
        if (performance.now() - startMs < OUTAGE_MS || !reason.includes("can't be reached")) return false;
        expect(reason).toBe(`NATS: ${server.url} can't be reached: connection refused`);
        return true;
      }, OUTAGE_MS + 120_000);
      for (const [index, mib] of before.entries()) expect(most[index]).toBeLessThan(mib + MEMORY_GROWTH_MIB_MAX);
      for (const { stderr } of apps)
        expect(stderr.match(/"attempt":\d+/g)?.length).toBeLessThan(FIRST_RETRIES + OUTAGE_MS / RETRY_MS);

      await server.restart();
      await ingestor.waitForReady();
      link = await NatsLink.open(server.url);
      const { length } = await link.sourceMessages();
      await until(async () => (await link.sourceMessages()).length > length + PULSES_BEFORE);
      expect((await generator.stop()).code).toBe(0);
      const totals = JSON.parse(generator.stdout) as Record<'pulses_sent' | 'pulses_acked', number>;
      const source = await checkNatsOutputs(link);
      expect(totals).toMatchObject({ pulses_sent: source.length, pulses_acked: source.length });
      const units = source.reduce((sum, line) => sum + exactUnits(numberText(line, 'used_ammount')), 0n);
      expect(exactUnits(numberText(generator.stdout, 'amount_acked'))).toBe(units);
      await link.close();
    },
    OUTAGE_MS + 300_000,
  );
});
