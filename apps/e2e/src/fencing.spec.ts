// Two ingestors of one group: one works, the other takes over, and one that sleeps past its lease does no harm.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { stopAll } from '@pulses/testing-processes';
import { startBrokerProcess, type BrokerProcess } from '@pulses/testing-system';
import { startIngestor, type IngestorProcess } from './testing/ingestor-process';
import { readLines } from './testing/line-client';
import { startLoad, type SteadyLoad } from './testing/steady-load';
import { checkWhole } from './testing/whole-check';

const TAKEOVERS = SCALE.sizeOf({ sample: 1, fault: 3 });
/** What is promised after a crash. Not measured in a sample, which may share the machine with anything. */
const TAKEOVER_MS_MAX = SCALE.name === 'sample' ? Infinity : 10_000;

describe('a standby', () => {
  let broker: BrokerProcess;
  let load: SteadyLoad;
  let active: IngestorProcess;
  let standby: IngestorProcess;
  let feeding: NodeJS.Timeout;

  const start = () => startIngestor(broker.port, { args: ['--flush-interval=200ms'] });
  const expectSound = async () => {
    clearInterval(feeding);
    const { differences, sourceLines } = await checkWhole(broker.port, load.lines.length);
    expect(differences).toEqual([]);
    expect(sourceLines).toEqual(load.lines);
  };

  beforeEach(async () => {
    broker = await startBrokerProcess();
    load = await startLoad(broker.port);
    active = await start();
    await active.untilRole('active');
    standby = await start();
    await standby.untilRole('standby');
    feeding = setInterval(() => {
      load.send(10);
    }, 10);
  });
  afterEach(async () => {
    clearInterval(feeding);
    await stopAll();
    await broker.stop();
  });

  it.each([
    ['was killed', 'SIGKILL'],
    ['was stopped cleanly', 'SIGTERM'],
  ] as const)('takes over from one that %s, and every pulse counts once', async (how, signal) => {
    for (let turn = 0; turn < TAKEOVERS; turn += 1) {
      await readLines(broker.port, 'tenants.acme.grouped.pulses', load.lines.length / 4);
      const sinceMs = performance.now();
      active.app.signal(signal);
      const tookMs = await standby.untilRole('active', sinceMs);
      process.stdout.write(`takeover from one that ${how}: ${tookMs} ms\n`);
      expect(tookMs).toBeLessThan(TAKEOVER_MS_MAX);
      await active.app.exited;
      [active, standby] = [standby, await start()];
      await standby.untilRole('standby');
    }
    await expectSound();
  });

  it('takes over from one that sleeps past its lease, which is fenced when it wakes, and every pulse counts once', async () => {
    await readLines(broker.port, 'tenants.acme.grouped.pulses', 20);
    const sinceMs = performance.now();
    // Under load: it has records to write, and commits in progress.
    active.app.signal('SIGSTOP');
    const tookMs = await standby.untilRole('active', sinceMs);
    process.stdout.write(`takeover from one that sleeps: ${tookMs} ms\n`);
    expect(tookMs).toBeLessThan(TAKEOVER_MS_MAX);
    const written = load.lines.length;
    await readLines(broker.port, 'tenants.acme.grouped.pulses', written / 4);
    active.app.signal('SIGCONT');
    await active.app.waitForOutput(/"code":"FENCED"/);
    await active.untilRole('standby');
    expect(await standby.role()).toBe('active');
    // The fenced one takes over again.
    standby.app.signal('SIGKILL');
    await active.untilRole('active');
    await expectSound();
  });
});
