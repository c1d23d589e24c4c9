// Engines over a Redis of a test.

import { nodeClock, nodeRandom } from '@pulses/shared-node-platform';
import type { Logger } from '@pulses/shared-service-host';
import { createRedisEngine, parseRedisUrl, type RedisEngine, type RedisEngineOptions } from '..';

const ignore = () => undefined;
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore, fatal: ignore };

export function engineOver(
  server: { readonly url: string; readonly keyPrefix: string },
  options: Partial<RedisEngineOptions> = {},
): RedisEngine {
  return createRedisEngine({
    address: parseRedisUrl(server.url),
    prefix: server.keyPrefix,
    clock: nodeClock,
    random: nodeRandom,
    logger: silentLogger,
    ...options,
  });
}
