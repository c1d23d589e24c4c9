// Signals of the moments before a program listens for them.
//
// Guarantees: from `holdSignals` on, SIGTERM and SIGINT are kept for the first listener, and SIGHUP and SIGUSR1 do
// nothing. As PID 1, as in a container, a SIGTERM or SIGINT of the time before is kept as well. That time begins in the
// first milliseconds, when Node sets handlers of its own. Such a handler removes itself and raises the signal again,
// which Linux drops for PID 1. So a missing handler tells of the signal. Any other process has ended by it. Bounds:
// HELD_MAX signals.

import { readFileSync } from 'node:fs';
import { constants } from 'node:os';

export type StopSignal = 'SIGINT' | 'SIGTERM';

const STOP_SIGNALS: readonly StopSignal[] = ['SIGTERM', 'SIGINT'];
/** The first one asks for a stop, a second one for an end at once. */
const HELD_MAX = 2;

const held: StopSignal[] = [];

function hold(signal: StopSignal): void {
  if (held.length < HELD_MAX) held.push(signal);
}

/** Keeps signals until `listenForSignals`. Call it before anything else. */
export function holdSignals(): void {
  signalsOfBoot().forEach(hold);
  for (const signal of STOP_SIGNALS) process.on(signal, hold);
  for (const signal of ['SIGHUP', 'SIGUSR1']) process.on(signal, () => undefined);
}

/**
 * Called with a signal and the earliest moment at which it may have come, by the clock of `performance.now()`. While a
 * program loads, no handler runs: what is heard after it may have come at any moment from 0 on.
 */
export type SignalHandler = (signal: StopSignal, earliestMs: number) => void;

/** Calls `handler` with the signals that were held, then with each that comes. */
export function listenForSignals(handler: SignalHandler): void {
  let isLoading = true;
  const listener = (signal: StopSignal) => {
    handler(signal, isLoading ? 0 : performance.now());
  };
  for (const signal of STOP_SIGNALS) {
    process.on(signal, listener);
    process.off(signal, hold);
  }
  held.splice(0).forEach(listener);
  // Signals that wait are heard in the first turn of the event loop, before it comes to this.
  setImmediate(() => {
    isLoading = false;
  });
}

/** The signals that came before the program's first line; known as PID 1 of Linux, else none. */
export function signalsOfBoot(): readonly StopSignal[] {
  if (process.pid !== 1 || process.platform !== 'linux') return [];
  try {
    const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1];
    if (caught === undefined) return [];
    return STOP_SIGNALS.filter((signal) => !isInMask(caught, constants.signals[signal]));
  } catch {
    return [];
  }
}

/** Whether a mask of /proc, in hexadecimal digits, has the bit of the signal. */
function isInMask(mask: string, signal: number): boolean {
  return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
}
