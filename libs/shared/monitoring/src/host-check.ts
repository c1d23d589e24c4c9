// The names under which a service answers.
//
// Guarantees: a web page cannot read from the service by DNS rebinding. Such a page has a name of its own that resolves
// to the service's address; the browser puts that name into `Host`. An IP address in `Host` was never looked up.

import { hostOf } from '@pulses/shared-settings';
import { isIP } from 'node:net';
import { hostname } from 'node:os';

/**
 * Tells whether a `Host` header is one of the service's own.
 *
 * @param names in their usual spelling, besides `localhost` and the name of the machine
 */
export function createHostCheck(names: readonly string[]): (header: string) => boolean {
  const own = new Set(['localhost', hostname().toLowerCase(), ...names].map(relativeName));
  return (header) => {
    const host = hostOf(header);
    return host !== undefined && (isIP(host) !== 0 || own.has(relativeName(host)));
  };
}

/** `localhost.` is the complete form of `localhost`. */
function relativeName(host: string): string {
  return host.replace(/\.$/, '');
}
