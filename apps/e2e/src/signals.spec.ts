import { afterEach, describe, expect, it } from '@jest/globals';
import { freePort, startApp, stopAll, untilAnswered } from '@pulses/testing-processes';
import { startBrokerProcess, startSystem } from '@pulses/testing-system';
import { publishLines, readLines } from './testing/line-client';

describe('signals', () => {
  afterEach(stopAll);

  it.each(['SIGTERM', 'SIGINT'] as const)(
    '%s ends broker and ingestor cleanly and keeps what is stored',
    async (signal) => {
      const system = await startSystem();
      await publishLines(system.port, 'source.pulses', ['one', 'two']);
      await readLines(system.port, 'source.pulses', 2);
      system.ingestor.signal(signal);
      expect(await system.ingestor.exited).toEqual({ code: 0, signal: null });
      await system.restart('broker', signal);
      expect(await readLines(system.port, 'source.pulses', 2)).toEqual(['one', 'two']);
      await system.stop();
    },
  );

  it('ends an ingestor that still looks for its broker', async () => {
    const httpPort = await freePort();
    const ingestor = startApp({ app: 'ingestor', args: [`--port=${await freePort()}`, `--http-port=${httpPort}`] });
    await ingestor.waitForOutput(/"level":"(info|warn)"/);
    const ready = await untilAnswered(() => fetch(`http://127.0.0.1:${httpPort}/readyz`));
    expect(ready.status).toBe(503);
    expect(((await ready.json()) as { reason: string }).reason).not.toBe('');
    expect((await fetch(`http://127.0.0.1:${httpPort}/healthz`)).status).toBe(200);
    ingestor.signal('SIGTERM');
    expect(await ingestor.exited).toEqual({ code: 0, signal: null });
  });

  it('ends an ingestor and a stub generator cleanly although the broker hangs', async () => {
    const system = await startSystem();
    const generator = startApp({ app: 'stub-generator', args: [`--port=${system.port}`, '--rate=1000'] });
    await readLines(system.port, 'source.pulses', 100);
    system.broker.signal('SIGSTOP');
    for (const app of [system.ingestor, generator]) {
      app.signal('SIGTERM');
      expect(await app.exited).toEqual({ code: 0, signal: null });
    }
    const totals = JSON.parse(generator.stdout) as { pulses_sent: number; pulses_acked: number };
    expect(totals.pulses_acked).toBeLessThanOrEqual(totals.pulses_sent);
    system.broker.signal('SIGCONT');
    await system.stop();
  });

  it('lets an ingestor that came first find its broker', async () => {
    const port = await freePort();
    const httpPort = await freePort();
    const ingestor = startApp({ app: 'ingestor', args: [`--port=${port}`, `--http-port=${httpPort}`] });
    await untilAnswered(() => fetch(`http://127.0.0.1:${httpPort}/readyz`));
    const broker = await startBrokerProcess([`--port=${port}`]);
    await ingestor.waitForReady();
    await ingestor.stop();
    await broker.stop();
  });

  it('ends the stub generator with its totals', async () => {
    const broker = await startBrokerProcess();
    const generator = startApp({ app: 'stub-generator', args: [`--port=${broker.port}`, '--rate=1000'] });
    await readLines(broker.port, 'source.pulses', 100);
    generator.signal('SIGINT');
    expect(await generator.exited).toEqual({ code: 0, signal: null });
    const totals = JSON.parse(generator.stdout) as { pulses_sent: number; pulses_acked: number };
    expect(totals.pulses_acked).toBe(totals.pulses_sent);
    expect((await readLines(broker.port, 'source.pulses', totals.pulses_acked)).length).toBe(totals.pulses_acked);
    await broker.stop();
  });
});
