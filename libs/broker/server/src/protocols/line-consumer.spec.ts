import { describe, expect, it } from '@jest/globals';
import { settle } from '@pulses/testing-sim';
import { lines } from '@pulses/testing-wire-client';
import { startHarness } from '../testing/harness';

const MINUTE_MS = 60_000;

describe('a line-protocol reader on an idle topic', () => {
  it('is freed within a minute after it has closed its connection', async () => {
    const harness = await startHarness();
    await harness.log.append({ topic: 'idle.topic', ...lines('one') });
    for (let index = 0; index < 25; index += 1) {
      const client = await harness.raw('source-connector_idle.topic\n');
      await client.until(() => client.text === 'one\n');
      client.socket.destroy();
    }
    await settle();
    await harness.clock.advance(MINUTE_MS);
    expect(harness.server.connectionCount).toBe(0);
  });

  it('keeps receiving after it has ended only its sending side, with an empty line in each silence', async () => {
    const harness = await startHarness({ limits: { halfClosedProbeMs: 10_000 } });
    await harness.log.append({ topic: 'idle.topic', ...lines('one') });
    const client = await harness.raw('source-connector_idle.topic\n');
    client.socket.end();
    await client.until(() => client.text === 'one\n');
    await harness.clock.advance(9_999);
    await settle();
    expect(client.text).toBe('one\n');
    await harness.clock.advance(10 * MINUTE_MS);
    await harness.log.append({ topic: 'idle.topic', ...lines('two') });
    await client.until(() => client.text.includes('two\n'));
    expect(client.text.split('\n').filter((line) => line !== '')).toEqual(['one', 'two']);
    expect(client.text).toMatch(/^one\n\n{50,60}two\n$/);
    expect(harness.server.connectionCount).toBe(1);
  });

  it('gets no empty line while its sending side is open', async () => {
    const harness = await startHarness();
    await harness.log.append({ topic: 'idle.topic', ...lines('one') });
    const client = await harness.raw('source-connector_idle.topic\n');
    await client.until(() => client.text === 'one\n');
    await harness.clock.advance(10 * MINUTE_MS);
    await settle();
    expect(client.text).toBe('one\n');
  });
});
