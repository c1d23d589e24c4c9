import { describe, expect, it } from '@jest/globals';
import { PulsesError } from '@pulses/shared-errors';
import { createMetrics } from '@pulses/shared-monitoring';
import { createSimClock } from '@pulses/testing-sim';
import type { PipelineState } from '@pulses/stream-pipeline';
import { createIngestorMetrics } from './ingestor-metrics';

describe("the ingestor's metrics", () => {
  const start = () => {
    const clock = createSimClock();
    const metrics = createMetrics(clock);
    const { observer, readiness } = createIngestorMetrics(metrics, 'source.pulses', clock);
    const value = async (name: string) => {
      const line = (await metrics.text()).body.split('\n').find((candidate) => candidate.startsWith(`${name} `));
      return line === undefined ? undefined : Number(line.split(' ')[1]);
    };
    return { clock, observer, readiness, value };
  };

  it('are all there from the start, as zero', async () => {
    const { value } = start();
    for (const name of [
      'pulses_grouped_total',
      'pulses_aggregated_total',
      'pulses_dead_lettered_total{reason="not_json"}',
      'pulses_source_lag',
      'pulses_commit_seconds_count',
      'pulses_open_window_keys',
    ])
      expect([name, await value(name)]).toEqual([name, 0]);
  });

  it('count what the pipeline tells', async () => {
    const { observer, value } = start();
    observer.grouped(7);
    observer.grouped(5);
    observer.aggregated(3);
    observer.deadLettered('invalid_utf8');
    observer.committed(0.002);
    observer.openKeys(42);
    expect(await value('pulses_grouped_total')).toBe(12);
    expect(await value('pulses_aggregated_total')).toBe(3);
    expect(await value('pulses_dead_lettered_total{reason="invalid_utf8"}')).toBe(1);
    expect(await value('pulses_commit_seconds_count')).toBe(1);
    expect(await value('pulses_open_window_keys')).toBe(42);
  });

  const active = (sourceLag: () => Promise<number>, partitions: number[] = []): PipelineState => ({
    kind: 'active',
    partitions,
    ask: () => Promise.resolve(),
    sourceLag,
  });

  it('tell how far behind the head the ingestor is, as far as the source can be asked', async () => {
    const { observer, value } = start();
    let lag: Promise<number> = Promise.resolve(60);
    observer.state(active(() => lag));
    expect(await value('pulses_source_lag')).toBe(60);
    lag = Promise.reject(new PulsesError('CONNECTION_LOST'));
    expect(await value('pulses_source_lag')).toBe(60);
    lag = Promise.resolve(0);
    expect(await value('pulses_source_lag')).toBe(0);
  });

  it('do not wait for a broker that hangs', async () => {
    const { clock, observer, value } = start();
    observer.state(active(() => Promise.resolve(4)));
    expect(await value('pulses_source_lag')).toBe(4);
    observer.state(active(() => new Promise(() => undefined)));
    const read = value('pulses_source_lag');
    await clock.advance(1_000);
    expect(await read).toBe(4);
  });

  it('make an ingestor ready while it works or stands by, and tell which', () => {
    const { observer, readiness } = start();
    expect(readiness()).toMatchObject({ ready: false });
    observer.state(active(() => Promise.resolve(0)));
    expect(readiness()).toEqual({ ready: true, detail: 'active' });
    observer.state(active(() => Promise.resolve(0), [0, 4]));
    expect(readiness()).toEqual({ ready: true, detail: 'active in the partitions 0, 4' });
    observer.state({ kind: 'standby', ask: () => Promise.resolve() });
    expect(readiness()).toEqual({ ready: true, detail: 'standby: another member reads source.pulses' });
    observer.state({ kind: 'connecting', reason: 'nobody answers' });
    expect(readiness()).toEqual({ ready: false, reason: 'nobody answers' });
  });
});
