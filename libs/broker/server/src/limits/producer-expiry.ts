// Forgets producers that have stored nothing for long, so that their number stays within its limit.
//
// Guarantees: after a start no producer is forgotten for a while: those that were cut off by it repeat their batches first.
// Why no batch is stored twice stands in staged-producers.ts of the log. The next look follows a failed one.

import { startMaintenance } from '@pulses/shared-async';
import type { BrokerLog } from '@pulses/broker-log-api';
import { PRODUCER_KEPT_MS } from '@pulses/broker-wire';
import type { Clock } from '@pulses/shared-ports';
import type { ServerLogger } from '../context';

const TIMES = { firstMs: 3_600_000, everyMs: 600_000 };

/**
 * @param unusedMs PRODUCER_KEPT_MS at least
 * @throws TypeError when it is less: a first batch that is repeated could be stored twice
 */
export function startProducerExpiry(
  log: Pick<BrokerLog, 'expireProducers'>,
  clock: Clock,
  logger: ServerLogger,
  unusedMs: number,
): { stop(): void } {
  if (unusedMs < PRODUCER_KEPT_MS)
    throw new TypeError(`producers are kept for ${PRODUCER_KEPT_MS} ms at least, not ${unusedMs}`);
  return startMaintenance(clock, TIMES, async () => {
    const producers = await log.expireProducers(unusedMs).catch(() => 0);
    if (producers > 0) logger.info({ producers }, 'producers forgotten that have not published for long');
  });
}
