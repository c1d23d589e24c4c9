// Runs of the `pulses` command, with the time and the CPU that they take.

import { cpuSeconds } from '@pulses/testing-benches';
import { startApp } from '@pulses/testing-processes';

const POLL_MS = 20;

export interface MeasuredCommand {
  readonly code: number | null;
  readonly stdout: string;
  /** From the start of the process to its end. */
  readonly seconds: number;
  /** CPU time of the process in seconds, nearly to its end. */
  readonly cpu: number;
}

/** Runs a command to its end. @throws Error when it writes to standard error */
export async function measureCommand(args: readonly string[]): Promise<MeasuredCommand> {
  const start = performance.now();
  const app = startApp({ app: 'cli', args: [...args] });
  let cpu = NaN;
  const timer = setInterval(() => {
    try {
      cpu = cpuSeconds(app.pid);
    } catch {
      // It has ended; the last figure stays.
    }
  }, POLL_MS);
  const { code } = await app.exited;
  clearInterval(timer);
  if (app.stderr !== '') throw new Error(app.stderr);
  return { code, stdout: app.stdout, seconds: (performance.now() - start) / 1000, cpu };
}
