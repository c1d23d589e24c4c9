// The Redis engine as the registry knows it.

import type { EngineParts, EngineReadiness } from '@pulses/aggregation-api';
import type { SettingsOf } from '@pulses/shared-settings';
import { createRedisEngine, type RedisEngineOptions } from './redis-engine';
import { redisAddressOf, redisSettings } from './redis-settings';

export const redisEngine = {
  settings: redisSettings,
  /** Connects to nothing yet. @throws PulsesError CONFIG_INVALID for a setting that can't be met */
  async create(
    settings: SettingsOf<typeof redisSettings>,
    { clock, random, logger }: Pick<RedisEngineOptions, 'clock' | 'random' | 'logger'>,
  ): Promise<EngineParts> {
    const address = await redisAddressOf(settings);
    logger.info({ redis: `${address.host}:${address.port}`, tls: address.tls !== undefined }, 'sums are kept in Redis');
    let readiness: EngineReadiness = { ready: true };
    const engine = createRedisEngine({
      address,
      prefix: settings.redisPrefix,
      clock,
      random,
      logger,
      onState: (state) => {
        readiness = state.isUp ? { ready: true } : { ready: false, reason: state.reason };
      },
    });
    return { engine, readiness: () => readiness };
  },
};
