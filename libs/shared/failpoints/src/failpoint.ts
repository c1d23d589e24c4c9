// Places where a test can kill the process, as a power failure of that process alone would.
//
// Guarantees: in a normal bundle a call of `failpoint` is nothing, not even its name; outside bundles it does nothing.
// In the test build the variable PULSES_FAILPOINT, `name` or `name:hit`, says where the process kills itself with
// SIGKILL: nothing is flushed, nothing is closed, no handler runs.

import type { Failpoint } from './failpoint-names';
import { createTrap } from './trap';

/** Written into the bundle when it is built: false in the normal one, so that all of this falls away. */
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
