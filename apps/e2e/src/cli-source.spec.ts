import { afterEach, describe, expect, it } from '@jest/globals';
import { startApp, stopAll } from '@pulses/testing-processes';
import { pulseLine, startBrokerProcess } from '@pulses/testing-system';
import { publishLines, readLines } from './testing/line-client';

async function run(args: readonly string[]) {
  const app = startApp({ app: 'cli', args });
  const { code } = await app.exited;
  return { code, stdout: app.stdout, stderr: app.stderr };
}

describe('pulses source', () => {
  afterEach(stopAll);

  it('lists what was published, without an ingestor', async () => {
    const broker = await startBrokerProcess();
    const at = `--port=${broker.port}`;
    expect((await run(['source', at])).stderr).toBe('pulses: topic source.pulses does not exist\n');

    const pulse = (sku: string, amount: string) => pulseLine({ tenant: 'acme', sku, unit: 'h', amount });
    const lines = [pulse('vm', '0.1'), 'no pulse', pulse('vm', '0.2'), pulse('db', '3')];
    await publishLines(broker.port, 'source.pulses', lines);
    await readLines(broker.port, 'source.pulses', lines.length);
    const row = (sku: string, total: string, count: number) =>
      `{"tenant_id":"acme","product_sku":"${sku}","use_unit":"h","total_amount":${total},"pulse_count":${count}}\n`;
    expect(await run(['source', at])).toEqual({
      code: 0,
      stdout: row('db', '3', 1) + row('vm', '0.3', 2),
      stderr: 'pulses: invalid messages: 1\n',
    });
    expect((await run(['source', at, '--sku=vm'])).stdout).toBe(row('vm', '0.3', 2));
    expect((await run(['source', at, '--tenant=nobody'])).stdout).toBe('');
    await broker.stop();
  });
});
