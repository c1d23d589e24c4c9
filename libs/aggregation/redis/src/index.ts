export { parseRedisUrl, type RedisAddress } from './redis-address';
export {
  createRedisEngine,
  REDIS_ENGINE_DEFAULTS,
  type RedisEngine,
  type RedisEngineOptions,
  type RedisState,
} from './redis-engine';
export { redisEngine } from './registration';
