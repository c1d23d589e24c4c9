// The fsync policy `interval`: synchronises the journal every so often, whether or not anyone waits.

import type { Clock, Timer } from '@pulses/shared-ports';
import type { FsyncPolicy } from '../options';

export function createSyncTimer(
  clock: Clock,
  policy: FsyncPolicy,
  sync: () => Promise<void>,
  onError: (error: unknown) => void,
): { stop(): void } {
  let timer: Timer | undefined;
  let isStopped = policy.mode !== 'interval';
  const intervalMs = policy.mode === 'interval' ? policy.intervalMs : 0;
  const again = (): void => {
    if (isStopped) return;
    timer = clock.setTimer(intervalMs, () => void sync().catch(onError).then(again), { keepAlive: false });
  };
  again();
  return {
    stop: () => {
      isStopped = true;
      timer?.cancel();
    },
  };
}
