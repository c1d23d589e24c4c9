import type { AggregationEngine } from '@pulses/aggregation-api';
import { describeAggregationEngine } from '@pulses/testing-aggregation-conformance';
import { SCALE } from '@pulses/testing-scale';
import { startRedis } from '@pulses/testing-services';
import type { RedisEngine } from './redis-engine';
import { engineOver } from './testing/engines';

const HOUR_MS = 3_600_000;

// Writing behind, a crash loses what is gathered: here every other engine is asked to store it before one opens.
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

// Writing through takes a round trip for each of the suite's adds, so only the nightly run does it.
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
