import { describe, expect, it } from '@jest/globals';
import { choiceSetting, parseSettings } from '@pulses/shared-settings';
import { createSimClock, createSimNetwork, createSimRandom } from '@pulses/testing-sim';
import { connectorNames, connectorSettings, openConnector } from './connectors';

const settings = {
  ...connectorSettings,
  connector: choiceSetting({ flag: 'connector', choices: connectorNames, default: 'fs', description: 'Which.' }),
};
const parse = (...argv: string[]) => parseSettings(settings, { argv, env: {}, readFile: () => 'sesame' });

describe('the registry of connectors', () => {
  it.each([
    ['--kafka-brokers=127.0.0.1:9092', 'fs'],
    ['--kafka-password-file=/password', 'nats'],
    ['--nats-url=nats://127.0.0.1:4222', 'kafka'],
    ['--port=9000', 'kafka'],
    ['--host=127.0.0.1', 'nats'],
    ['--tls', 'kafka'],
  ])('refuses %s with the connector %s', (flag, connector) => {
    const [name] = flag.split('=');
    expect(() => parse(flag, `--connector=${connector}`)).toThrow(
      `${name}: has no effect with --connector ${connector}; allowed: only with --connector `,
    );
  });

  it.each(connectorNames)("takes the broker's token with %s: it opens HTTP too", (connector) => {
    expect(parse('--auth-token-file=/token', `--connector=${connector}`).values.authToken).toBe('sesame');
  });

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
