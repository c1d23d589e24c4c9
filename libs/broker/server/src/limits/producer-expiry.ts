// Forgets producers that have stored nothing for PRODUCER_KEPT_MS, so that their number stays within its limit.
//
// Guarantees: after a start no producer is forgotten for a while: those that were cut off by it repeat their batches first.
// Why no batch is stored twice stands in staged-producers.ts of the log. The next look follows a failed one.

import type { BrokerLog } from '@pulses/broker-log-api';
import { PRODUCER_KEPT_MS } from '@pulses/broker-wire';
import type { Clock } from '@pulses/shared-ports';
import type { ServerLogger } from '../context';
import { startMaintenance } from './maintenance';

const TIMES = { firstMs: 3_600_000, everyMs: 600_000 };

export function startProducerExpiry(
  log: Pick<BrokerLog, 'expireProducers'>,
  clock: Clock,
  logger: ServerLogger,
): { stop(): void } {
  return startMaintenance(clock, TIMES, async () => {
    const producers = await log.expireProducers(PRODUCER_KEPT_MS).catch(() => 0);
    if (producers > 0) logger.info({ producers }, 'producers forgotten that have not published for long');
  });
}
