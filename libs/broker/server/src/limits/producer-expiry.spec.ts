import { describe, expect, it } from '@jest/globals';
import { PRODUCER_KEPT_MS } from '@pulses/broker-wire';
import { createSimClock, settle } from '@pulses/testing-sim';
import { createTestLogger } from '../testing/harness';
import { createMemoryLog } from '../testing/memory-log';
import { startProducerExpiry } from './producer-expiry';

const HOUR_MS = 3_600_000;

function setUp(unusedMs: number) {
  const clock = createSimClock();
  const log = createMemoryLog(clock);
  const { logger, events } = createTestLogger();
  const expiry = startProducerExpiry(log, clock, logger, unusedMs);
  const publish = (sequence: number) =>
    log.append(
      { topic: 't', recordCount: 1, payload: Buffer.from('x\n') },
      { id: 'a'.repeat(32), epoch: 0, sequence },
      log.producerEra,
    );
  const pass = async (ms: number) => {
    await clock.advance(ms);
    await settle();
  };
  return { clock, log, events, expiry, publish, pass };
}

describe('the expiry of producers', () => {
  it('forgets a producer that has stored nothing for the given time, and logs their number', async () => {
    const { events, expiry, clock, publish, pass } = setUp(3 * PRODUCER_KEPT_MS);
    await publish(0);
    await pass(3 * PRODUCER_KEPT_MS - HOUR_MS);
    await publish(1);
    await pass(2 * HOUR_MS);
    expect(events).toEqual([]);
    await pass(3 * PRODUCER_KEPT_MS);
    expect(events).toEqual([
      { level: 'info', fields: { producers: 1 }, message: 'producers forgotten that have not published for long' },
    ]);
    await expect(publish(2)).rejects.toMatchObject({ code: 'SEQUENCE_GAP' });
    expiry.stop();
    expect(clock.timerCount).toBe(0);
  });

  it('forgets none in the first hour, in which those that a restart has cut off repeat their batches', async () => {
    const { clock, events, publish, pass } = setUp(PRODUCER_KEPT_MS);
    await publish(0);
    clock.jumpWall(2 * PRODUCER_KEPT_MS);
    await pass(HOUR_MS - 1);
    expect(events).toEqual([]);
    await pass(1);
    expect(events).toHaveLength(1);
  });

  it('refuses a time in which a client still repeats a first batch', () => {
    expect(() => setUp(PRODUCER_KEPT_MS - 1)).toThrow(TypeError);
  });
});
