import { describe, expect, it } from '@jest/globals';
import { createSimClock } from '@pulses/testing-sim';
import { createMetrics } from './metrics';

const linesOf = async (metrics: ReturnType<typeof createMetrics>) => (await metrics.text()).body.split('\n');

describe('metrics', () => {
  it('show a counter as 0 before it counts', async () => {
    const metrics = createMetrics(createSimClock());
    const counter = metrics.counter('pulses_grouped_total', 'Pulses grouped.');
    expect(await linesOf(metrics)).toEqual(
      expect.arrayContaining([
        '# HELP pulses_grouped_total Pulses grouped.',
        '# TYPE pulses_grouped_total counter',
        'pulses_grouped_total 0',
      ]),
    );
    counter.inc();
    counter.inc(41);
    expect(await linesOf(metrics)).toContain('pulses_grouped_total 42');
  });

  it('show every value of a label as 0, and count each separately', async () => {
    const metrics = createMetrics(createSimClock());
    const reasons = metrics.labelledCounter('pulses_dead_lettered_total', 'Dead letters.', 'reason', [
      'not_json',
      'duplicate_key',
    ]);
    reasons.not_json.inc(3);
    expect((await linesOf(metrics)).filter((line) => line.startsWith('pulses_dead_lettered_total'))).toEqual([
      'pulses_dead_lettered_total{reason="not_json"} 3',
      'pulses_dead_lettered_total{reason="duplicate_key"} 0',
    ]);
  });

  it('set a gauge, and observe a gauge at each scrape', async () => {
    const metrics = createMetrics(createSimClock());
    metrics.gauge('pulses_connections', 'Open connections.').set(7);
    let lag = 0;
    metrics.observedGauge('pulses_source_lag', 'Records behind the head.', () => (lag += 5));
    expect(await linesOf(metrics)).toEqual(expect.arrayContaining(['pulses_connections 7', 'pulses_source_lag 5']));
    expect(await linesOf(metrics)).toContain('pulses_source_lag 10');
  });

  it('observe a counter at each scrape', async () => {
    const metrics = createMetrics(createSimClock());
    let dropped = 3;
    metrics.observedCounter('pulses_dropped_total', 'Lines dropped.', () => dropped);
    expect(await linesOf(metrics)).toContain('pulses_dropped_total 3');
    dropped = 4;
    expect(await linesOf(metrics)).toEqual(
      expect.arrayContaining(['# TYPE pulses_dropped_total counter', 'pulses_dropped_total 4']),
    );
  });

  it('sort seconds into buckets from 100 µs to 10 s', async () => {
    const metrics = createMetrics(createSimClock());
    const histogram = metrics.secondsHistogram('pulses_fsync_seconds', 'Time of one fdatasync.');
    for (const seconds of [0.00005, 0.0001, 0.3, 11]) histogram.observe(seconds);
    const lines = await linesOf(metrics);
    expect(lines).toEqual(
      expect.arrayContaining([
        'pulses_fsync_seconds_bucket{le="0.0001"} 2',
        'pulses_fsync_seconds_bucket{le="0.25"} 2',
        'pulses_fsync_seconds_bucket{le="0.5"} 3',
        'pulses_fsync_seconds_bucket{le="10"} 3',
        'pulses_fsync_seconds_bucket{le="+Inf"} 4',
        'pulses_fsync_seconds_count 4',
      ]),
    );
    const [sum = ''] = lines.filter((line) => line.startsWith('pulses_fsync_seconds_sum'));
    expect(Number(sum.split(' ')[1])).toBeCloseTo(11.30015, 6);
  });

  it('are separate from those of another service in the process', async () => {
    const [one, other] = [createMetrics(createSimClock()), createMetrics(createSimClock())];
    one.counter('pulses_x_total', 'X.').inc();
    other.counter('pulses_x_total', 'X.');
    expect(await linesOf(other)).toContain('pulses_x_total 0');
    const { body, contentType } = await one.text();
    expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(body).toMatch(/^process_resident_memory_bytes \d+$/m);
  });

  it('answer scrapes at the same time alike, with the lag of an idle event loop at 0', async () => {
    const clock = createSimClock();
    const metrics = createMetrics(clock);
    metrics.counter('pulses_grouped_total', 'Pulses grouped.').inc(3);
    await clock.advance(1_000);
    const scrapes = [...(await Promise.all([linesOf(metrics), linesOf(metrics)])), await linesOf(metrics)];
    for (const lines of scrapes) {
      expect(lines.filter((line) => / nan$/i.test(line))).toEqual([]);
      expect(lines).toEqual(
        expect.arrayContaining([
          'pulses_grouped_total 3',
          'nodejs_eventloop_lag_seconds_bucket{le="0.0001"} 4',
          'nodejs_eventloop_lag_seconds_sum 0',
          'nodejs_eventloop_lag_seconds_count 4',
        ]),
      );
    }
  });
});
