// Ends a load: waits for answers that are on their way, within DRAIN_MS, and for nothing else.

import type { LineProducer } from '@pulses/connector-api';
import type { Clock } from '@pulses/shared-ports';

/** Time for pending acknowledgements after a stop, which may take 10 s in all. */
export const DRAIN_MS = 5_000;

/**
 * Resolves once the producer is closed.
 * @param publishing settles when no more is sent and everything sent has its answer
 */
export async function stopLoad(
  producer: Pick<LineProducer, 'isUnderWay' | 'abort' | 'close'>,
  publishing: Promise<void>,
  clock: Clock,
): Promise<void> {
  const { promise: givenUp, resolve: giveUp } = Promise.withResolvers<void>();
  const abort = () => {
    producer.abort();
    giveUp();
  };
  const overdue = clock.setTimer(DRAIN_MS, abort);
  if (!producer.isUnderWay) abort();
  await Promise.race([publishing.catch(() => undefined), givenUp]);
  await producer.close();
  overdue.cancel();
}
