// Places where a test can kill the process abruptly.
//
// Guarantees: a normal bundle contains no trace of a `failpoint` call, and outside of bundles the call does nothing.
// In the test build the variable PULSES_FAILPOINT (`name` or `name:hit`) selects where the process sends itself SIGKILL.
// Then nothing is flushed or closed, and no handler runs.

import type { Failpoint } from './failpoint-names';
import { createTrap } from './trap';

/** Set when the bundle is built; false in the normal one, where the calls are removed. */
declare const PULSES_FAILPOINTS: boolean | undefined;

let trap: ((name: Failpoint) => void) | undefined;

export function failpoint(name: Failpoint): void {
  if (typeof PULSES_FAILPOINTS === 'boolean' && PULSES_FAILPOINTS) reach(name);
}

function reach(name: Failpoint): void {
  trap ??= createTrap(process.env['PULSES_FAILPOINT'], kill);
  trap(name);
}

function kill(name: Failpoint): void {
  process.stderr.write(`failpoint ${name}\n`);
  process.kill(process.pid, 'SIGKILL');
}
