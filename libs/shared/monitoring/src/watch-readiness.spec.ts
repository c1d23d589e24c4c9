import { describe, expect, it } from '@jest/globals';
import { SILENT_LOGGER } from '@pulses/shared-ports';
import { createSimClock } from '@pulses/testing-sim';
import type { Readiness } from './http-server';
import { watchReadiness } from './watch-readiness';

describe('the readiness of a service', () => {
  it('is logged when it ends and when it returns, and not during the start', async () => {
    const clock = createSimClock();
    const lines: unknown[] = [];
    const note = (fields: object, message: string) => lines.push({ ...fields, message });
    let readiness: Readiness = { ready: false, reason: 'starting' };
    const watch = watchReadiness(() => readiness, { ...SILENT_LOGGER, info: note, warn: note }, clock);
    await clock.advance(2_000);
    readiness = { ready: true };
    await clock.advance(2_000);
    expect(lines).toEqual([]);
    readiness = { ready: false, reason: 'the disk is full' };
    await clock.advance(3_000);
    expect(lines).toEqual([{ reason: 'the disk is full', message: 'not ready' }]);
    readiness = { ready: true };
    await clock.advance(3_000);
    expect(lines.slice(1)).toEqual([{ message: 'ready again' }]);
    watch.stop();
    readiness = { ready: false, reason: 'stopping' };
    await clock.advance(3_000);
    expect(lines).toHaveLength(2);
  });
});
