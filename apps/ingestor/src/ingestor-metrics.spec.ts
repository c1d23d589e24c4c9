import { describe, expect, it } from '@jest/globals';
import { createMetrics } from '@pulses/shared-monitoring';
import { createSimClock } from '@pulses/testing-sim';
import type { PartitionStatus, PipelineState } from '@pulses/stream-pipeline';
import { createIngestorMetrics } from './ingestor-metrics';

describe("the ingestor's metrics", () => {
  const start = () => {
    const clock = createSimClock();
    const metrics = createMetrics(clock);
    const { observer, readiness } = createIngestorMetrics(metrics, {
      sourceTopic: 'source.pulses',
      peer: '127.0.0.1:9000',
      clock,
    });
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

  const ACTIVE: PipelineState = { kind: 'active', ask: () => Promise.resolve() };
  const working = (partition: number | undefined, lag: () => Promise<number> = () => Promise.resolve(0)) =>
    ({ partition, state: 'active', sinceMs: 0, lag }) as const;
  const failing = (partition: number, state: 'connecting' | 'set_aside', reason: string): PartitionStatus => ({
    partition,
    state,
    reason,
    sinceMs: 0,
  });

  it('tell how far behind the head each partition is, and how old the figure of one that does not answer is', async () => {
    const { clock, observer, value } = start();
    let silent: Promise<number> = Promise.resolve(60);
    let lag = 1;
    observer.partitions({ own: [working(0, () => silent), working(2, () => Promise.resolve(lag))], elsewhere: 0 });
    expect(await value('pulses_source_lag')).toBe(61);
    silent = new Promise(() => undefined);
    lag = 7;
    await clock.advance(4_000);
    const read = value('pulses_source_lag');
    await clock.advance(1_000);
    expect(await read).toBe(67);
    const names = ['pulses_partition_lag', 'pulses_partition_lag_age_seconds'];
    const all = names.flatMap((name) => [0, 2].map((partition) => value(`${name}{partition="${partition}"}`)));
    await clock.advance(1_000);
    const [lagOf0, lagOf2, ageOf0 = 0, ageOf2 = 0] = await Promise.all(all);
    expect([lagOf0, lagOf2]).toEqual([60, 7]);
    expect(ageOf0).toBeGreaterThanOrEqual(5);
    expect(ageOf2).toBeLessThanOrEqual(1);
  });

  it('keep the lag of a partition that connects again, and forget one that went to another member', async () => {
    const { observer, value } = start();
    observer.partitions({
      own: [working(0, () => Promise.resolve(3)), working(1, () => Promise.resolve(5))],
      elsewhere: 0,
    });
    expect(await value('pulses_source_lag')).toBe(8);
    observer.partitions({ own: [failing(0, 'connecting', 'nobody answers')], elsewhere: 1 });
    expect(await value('pulses_source_lag')).toBe(3);
    expect(await value('pulses_partition_lag{partition="1"}')).toBeUndefined();
  });

  it('count partitions by what this ingestor does with them', async () => {
    const { observer, value } = start();
    const states = ['active', 'connecting', 'set_aside', 'not_owned'];
    const counts = () => Promise.all(states.map((state) => value(`pulses_partitions{state="${state}"}`)));
    expect(await counts()).toEqual([0, 0, 0, 0]);
    observer.partitions({
      own: [working(0), working(1), failing(3, 'connecting', 'a'), failing(4, 'set_aside', 'b')],
      elsewhere: 6,
    });
    expect(await counts()).toEqual([2, 1, 1, 6]);
    observer.partitions({ own: [], elsewhere: 10 });
    expect(await counts()).toEqual([0, 0, 0, 10]);
  });

  it('make an ingestor ready while it works or stands by, and tell which', () => {
    const { observer, readiness } = start();
    expect(readiness()).toEqual({ ready: false, reason: 'connecting to 127.0.0.1:9000' });
    observer.state(ACTIVE);
    observer.partitions({ own: [working(undefined)], elsewhere: 0 });
    expect(readiness()).toEqual({ ready: true, detail: 'active' });
    observer.partitions({ own: [working(0), working(4)], elsewhere: 0 });
    expect(readiness()).toEqual({ ready: true, detail: 'active in the partitions 0, 4' });
    observer.state({ kind: 'standby', ask: () => Promise.resolve() });
    expect(readiness()).toEqual({ ready: true, detail: 'standby: another member reads source.pulses' });
    observer.partitions({ own: [], elsewhere: 1 });
    observer.state({ kind: 'connecting', reason: 'nobody answers' });
    expect(readiness()).toEqual({ ready: false, reason: 'nobody answers' });
  });

  it('make an ingestor not ready that sets a partition aside, or connects to one for too long, and tell why', async () => {
    const { clock, observer, readiness } = start();
    observer.state(ACTIVE);
    const partitions = (...own: PartitionStatus[]) => {
      observer.partitions({ own, elsewhere: 0 });
    };
    partitions(working(0), failing(1, 'connecting', 'no leader'), failing(2, 'connecting', 'no leader'));
    expect(readiness()).toEqual({ ready: true, detail: 'active in the partition 0; connecting the partitions 1, 2' });
    await clock.advance(10_000);
    expect(readiness()).toEqual({
      ready: false,
      reason: 'the partitions 1, 2 connecting: no leader; active in the partition 0',
    });
    partitions(working(0), failing(1, 'set_aside', 'the window is full'));
    expect(readiness()).toEqual({
      ready: false,
      reason: 'the partition 1 set aside: the window is full; active in the partition 0',
    });
    observer.state({ kind: 'connecting', reason: 'the last one' });
    partitions(failing(0, 'set_aside', 'a'), ...[1, 2, 3, 4].map((each) => failing(each, 'connecting', `b${each}`)));
    expect(readiness()).toEqual({
      ready: false,
      reason:
        'the partition 0 set aside: a; the partition 1 connecting: b1; the partition 2 connecting: b2; and 2 more reasons',
    });
  });
});
