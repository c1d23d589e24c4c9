import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { startApp, stopAll, until } from '@pulses/testing-processes';
import { exactUnits, numberText, startBrokerProcess, type BrokerProcess } from '@pulses/testing-system';
import { readLines } from './testing/line-client';

const ROUNDS = SCALE.sizeOf({ sample: 5, fault: 20, torture: 500 });
const RATE = 20_000;

interface Totals {
  readonly pulses_sent: number;
  readonly pulses_acked: number;
  readonly amount_acked: string;
}

describe('a broker that is killed under load', () => {
  let broker: BrokerProcess;

  beforeEach(async () => {
    // Small files, so that the kills also fall into changes of files and checkpoints. No group reads the source: retention
    // has to keep it.
    broker = await startBrokerProcess(['--segment-bytes=1MiB', '--log-level=warn', '--retention-age=source=1s']);
  });
  afterEach(async () => {
    await stopAll();
    await broker.stop();
  });

  async function stored(): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${broker.httpPort}/metrics`)).text();
    return Number(/^pulses_appended_total\{topic_kind="source"\} (\d+)$/m.exec(text)?.[1]);
  }

  it(
    `keeps every acknowledged message, in order and once, over ${ROUNDS} kills`,
    async () => {
      const load = ['--tenants=20', '--skus=20', '--seed=11'];
      const generator = startApp({
        app: 'stub-generator',
        args: [`--port=${broker.port}`, `--rate=${RATE}`, '--log-level=error', ...load],
      });
      for (let round = 0; round < ROUNDS; round += 1) {
        // Since this start: the counter begins at zero each time.
        await until(async () => (await stored()) >= 500 + ((round * 137) % 2_000));
        await broker.restart('SIGKILL');
      }
      await generator.stop();
      const totals = JSON.parse(generator.stdout) as Totals;
      expect(totals.pulses_acked).toBe(totals.pulses_sent);

      const lines = await readLines(broker.port, 'source.pulses', totals.pulses_acked);
      expect(lines.length).toBe(totals.pulses_acked);
      expect(lines.reduce((units, line) => units + exactUnits(numberText(line, 'used_ammount')), 0n)).toBe(
        exactUnits(totals.amount_acked),
      );
      // The same seed gives the same pulses, so an undisturbed load shows what is expected.
      const undisturbed = startApp({
        app: 'stub-generator',
        args: [`--port=${broker.port}`, '--source-topic=undisturbed', '--rate=max', `--count=${lines.length}`, ...load],
      });
      await undisturbed.exited;
      expect(lines).toEqual(await readLines(broker.port, 'undisturbed', lines.length));

      await broker.app.stop();
      const fsck = startApp({ app: 'cli', args: ['fsck', `--data-dir=${broker.dataDir}`, '--json'] });
      expect(await fsck.exited).toEqual({ code: 0, signal: null });
    },
    // Each round starts a process.
    60_000 + ROUNDS * 5_000,
  );
});
