import { describe, expect, it } from '@jest/globals';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import { createSimClock } from '@pulses/testing-sim';
import { NatsConnector } from './nats-connector';

describe('a server that is not reached at the start', () => {
  it('is waited for, and after ten seconds an error of --nats-url', async () => {
    const clock = createSimClock();
    const connector = new NatsConnector({
      connect: () => Promise.reject(new PulsesError('CONNECTION_LOST', 'NATS: connection refused')),
      clock,
      member: 'm',
      serversText: 'nats://127.0.0.1:1',
    });
    const failure = async (): Promise<unknown> => {
      try {
        const signal = new AbortController().signal;
        return await connector.openSession({
          sourceTopic: 'source.pulses',
          group: 'ingestor',
          signal,
          onStandby: () => undefined,
        });
      } catch (error) {
        return error;
      }
    };
    await clock.advance(9_999);
    const early = await failure();
    expect(isPulsesError(early, 'CONNECTION_LOST') && early.retriable).toBe(true);
    await clock.advance(1);
    const late = await failure();
    expect(late).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(String((late as Error).message)).toMatch(/^--nats-url: 'nats:\/\/127\.0\.0\.1:1' .*connection refused/);
  });
});
