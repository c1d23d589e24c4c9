// The Redis engine as the registry knows it.

import type { EngineParts, EngineReadiness } from '@pulses/aggregation-api';
import type { SettingsOf } from '@pulses/shared-settings';
import { createRedisEngine, type RedisEngine, type RedisEngineOptions, type RedisState } from './redis-engine';
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
    const states = new Map<symbol, RedisState>();
    // Each engine has a connection of its own: in a cluster, sources lie on different nodes.
    const create = (): RedisEngine => {
      const key = Symbol('engine');
      const engine = createRedisEngine({
        address,
        prefix: settings.redisPrefix,
        clock,
        random,
        logger,
        onState: (state) => {
          states.set(key, state);
        },
      });
      return {
        ...engine,
        async close() {
          await engine.close();
          states.delete(key);
        },
      };
    };
    return { create, readiness: () => readinessOf([...states.values()]) };
  },
};

/** Redis is taken for down when no engine reaches it. */
function readinessOf(states: readonly RedisState[]): EngineReadiness {
  const [first] = states;
  if (first === undefined || first.isUp || states.some((state) => state.isUp)) return { ready: true };
  return { ready: false, reason: first.reason };
}
