// A progress line on a terminal; nothing elsewhere.

import type { Clock, Timer } from '@pulses/shared-ports';
import ora from 'ora';
import { progressText } from './publish-progress-text';
import { secondsOf, type Totals } from './publish-load';

const REFRESH_MS = 500;

/**
 * Starts the line on standard error when that is a terminal and no other program runs this one.
 * @param count pulses to send in all, if there is an end
 */
export function startProgress(totals: Totals, count: number | undefined, clock: Clock): { stop(): void } {
  // A terminal without columns would keep the spinner clearing lines for ever.
  if (!process.stderr.isTTY || !(process.stderr.columns > 0) || process.channel !== undefined)
    return { stop: () => undefined };
  // Standard input stays as it is: Ctrl-C has to reach the process as a signal.
  const spinner = ora({ text: 'connecting', stream: process.stderr, discardStdin: false }).start();
  let timer: Timer | undefined;
  let lastAcknowledged = 0;
  let lastMs = clock.monotonicMs();
  const refresh = () => {
    const nowMs = clock.monotonicMs();
    const rate = ((totals.acknowledged - lastAcknowledged) * 1000) / (nowMs - lastMs);
    spinner.text = progressText({ acknowledged: totals.acknowledged, rate, seconds: secondsOf(totals), count });
    lastAcknowledged = totals.acknowledged;
    lastMs = nowMs;
    timer = clock.setTimer(REFRESH_MS, refresh, { keepAlive: false });
  };
  timer = clock.setTimer(REFRESH_MS, refresh, { keepAlive: false });
  return {
    stop() {
      timer?.cancel();
      spinner.stop();
    },
  };
}
