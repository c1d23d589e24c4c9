// The engine that the settings ask for.

import type { AggregationEngine } from '@pulses/aggregation-api';
import { createMemoryEngine } from '@pulses/aggregation-memory';
import { createRedisEngine, redisAddressOf } from '@pulses/aggregation-redis';
import { nodeClock, nodeRandom } from '@pulses/shared-node-platform';
import type { Readiness } from '@pulses/shared-monitoring';
import type { Logger } from '@pulses/shared-service-host';
import type { IngestorSettings } from './settings';

export interface ChosenEngine {
  readonly engine: AggregationEngine;
  /** Not ready while the engine can't take sums. */
  readiness(): Readiness;
}

/** @throws PulsesError CONFIG_INVALID for a setting that can't be met; a Redis that is not there yet is waited for */
export async function createEngine(settings: IngestorSettings, logger: Logger): Promise<ChosenEngine> {
  let readiness: Readiness = { ready: true };
  if (settings.engine === 'memory') return { engine: createMemoryEngine(), readiness: () => readiness };
  const address = await redisAddressOf(settings);
  logger.info({ redis: `${address.host}:${address.port}`, tls: address.tls !== undefined }, 'sums are kept in Redis');
  const engine = createRedisEngine({
    address,
    prefix: settings.redisPrefix,
    clock: nodeClock,
    random: nodeRandom,
    logger,
    onState: (state) => {
      readiness = state.isUp ? { ready: true } : { ready: false, reason: state.reason };
    },
  });
  return { engine, readiness: () => readiness };
}
