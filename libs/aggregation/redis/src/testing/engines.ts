// Engines over a test's Redis.

import { nodeClock, nodeRandom } from '@pulses/shared-node-platform';
import { SILENT_LOGGER } from '@pulses/shared-ports';
import { createRedisEngine, parseRedisUrl, type RedisEngine, type RedisEngineOptions } from '..';

export function engineOver(
  server: { readonly url: string; readonly keyPrefix: string },
  options: Partial<RedisEngineOptions> = {},
): RedisEngine {
  return createRedisEngine({
    address: parseRedisUrl(server.url),
    prefix: server.keyPrefix,
    clock: nodeClock,
    random: nodeRandom,
    logger: SILENT_LOGGER,
    ...options,
  });
}
