import { describe, expect, it } from '@jest/globals';
import { parseSettings } from '@pulses/shared-settings';
import { createSimClock, createSimNetwork, createSimRandom } from '@pulses/testing-sim';
import { connectorNames, connectorSettings, openConnector } from './connectors';

describe('the registry of connectors', () => {
  it('has fs', () => {
    expect(connectorNames).toContain('fs');
  });

  it.each(connectorNames)('makes %s from its settings, without connecting', async (name) => {
    const { values } = parseSettings(connectorSettings, { argv: ['--port=7'], env: {}, readFile: () => '' });
    const context = {
      network: createSimNetwork(createSimRandom(1)),
      clock: createSimClock(),
      clientName: 'test',
      member: 'test',
    };
    const { connector, peer } = await openConnector(name, values, context);
    expect(connector.name).toBe(name);
    expect(peer).toEqual(name === 'fs' ? '127.0.0.1:7' : expect.stringMatching(/./));
    await connector.close();
  });
});
