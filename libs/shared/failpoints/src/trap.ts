// One armed failpoint, which triggers at its n-th hit.

import { BROKER_FAILPOINTS, INGESTOR_FAILPOINTS, type Failpoint } from './failpoint-names';

/**
 * Returns the function to call at every hit.
 * @param setting `name` or `name:hit`, the hit counted from 1; undefined arms nothing
 * @throws TypeError when the setting names no failpoint or no hit
 */
export function createTrap(setting: string | undefined, spring: (name: Failpoint) => void): (name: Failpoint) => void {
  if (setting === undefined) return () => undefined;
  const [, armed = '', hit = '1'] = /^([^:]*)(?::(.*))?$/.exec(setting) ?? [];
  const names: readonly string[] = [...BROKER_FAILPOINTS, ...INGESTOR_FAILPOINTS];
  let left = Number(hit);
  if (!names.includes(armed) || !Number.isInteger(left) || left < 1)
    throw new TypeError(`'${setting}' is not a failpoint with an optional hit: ${names.join(', ')}`);
  return (name) => {
    if (name !== armed) return;
    left -= 1;
    if (left === 0) spring(name);
  };
}
