import type { AggregationEngine } from '@pulses/aggregation-api';
import { describeAggregationEngine } from '@pulses/testing-aggregation-conformance';
import { SCALE } from '@pulses/testing-scale';
import { startRedis } from '@pulses/testing-services';
import type { RedisEngine } from './redis-engine';
import { engineOver } from './testing/engines';

const HOUR_MS = 3_600_000;

// With write-behind a crash loses gathered deltas, so every other engine stores them before one opens.
describeAggregationEngine(
  'redis',
  async () => {
    const server = await startRedis();
    const engines: RedisEngine[] = [];
    return {
      createEngine(): AggregationEngine {
        const engine = engineOver(server, { lingerMs: HOUR_MS, pendingRowsMax: 5_000 });
        const others = [...engines];
        engines.push(engine);
        return {
          ...engine,
          async open(source, fromOffset) {
            for (const other of others) await other.flushed().catch(() => undefined);
            return engine.open(source, fromOffset);
          },
        };
      },
      async close() {
        for (const engine of engines) await engine.close();
        await server.stop();
      },
    };
  },
  { survivesRestart: true },
);

// Write-through takes a round trip for each add of the suite, so it runs nightly only.
if (SCALE.name === 'torture')
  describeAggregationEngine(
    'redis, writing through,',
    async () => {
      const server = await startRedis();
      const engines: RedisEngine[] = [];
      return {
        createEngine() {
          const engine = engineOver(server, { lingerMs: 0 });
          engines.push(engine);
          return engine;
        },
        async close() {
          for (const engine of engines) await engine.close();
          await server.stop();
        },
      };
    },
    { survivesRestart: true },
  );
