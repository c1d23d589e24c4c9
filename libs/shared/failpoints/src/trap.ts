// One failpoint, armed: it springs at its n-th hit.

import { BROKER_FAILPOINTS, INGESTOR_FAILPOINTS, type Failpoint } from './failpoint-names';

/**
 * Answers the function that is told of every hit.
 * @param setting `name` or `name:hit`, the hit counted from 1; undefined arms nothing
 * @throws TypeError when the setting names no failpoint or no hit
 */
export function createTrap(setting: string | undefined, spring: (name: Failpoint) => void): (name: Failpoint) => void {
  if (setting === undefined) return () => undefined;
  const [, armed = '', hit = '1'] = /^([^:]*)(?::(.*))?$/.exec(setting) ?? [];
  const names: readonly string[] = [...BROKER_FAILPOINTS, ...INGESTOR_FAILPOINTS];
  let left = Number(hit);
  if (!names.includes(armed) || !Number.isInteger(left) || left < 1)
    throw new TypeError(`'${setting}' is not the name of a failpoint and a hit: ${names.join(', ')}`);
  return (name) => {
    if (name !== armed) return;
    left -= 1;
    if (left === 0) spring(name);
  };
}
