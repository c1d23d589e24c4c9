// Says whether this machine can do what a suite needs: node tools/src/capability.mts <capability>
//
// Prints `<capability> yes`, or `<capability> no` with the reason and a number that never comes again. As an input of a
// target it keeps a run that skipped such a suite out of the cache. The next run asks the machine once more.

import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Each throws when the machine can't. */
const PROBES: Readonly<Record<string, () => void>> = {
  /** A small file system of its own. */
  mount() {
    const directory = mkdtempSync(join(tmpdir(), 'pulses-mount-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory], { stdio: 'pipe' });
      execFileSync('umount', [directory], { stdio: 'pipe' });
    } finally {
      rmdirSync(directory);
    }
  },
  /** A process that is PID 1, as in a container. */
  unshare() {
    execFileSync('unshare', ['--map-root-user', '--pid', '--fork', 'true'], { stdio: 'pipe' });
  },
};

const [name = ''] = process.argv.slice(2);
const probe = PROBES[name];
if (probe === undefined) throw new TypeError(`usage: capability.mts ${Object.keys(PROBES).join('|')}`);
try {
  probe();
  console.log(`${name} yes`);
} catch (error) {
  console.log(`${name} no ${randomUUID()} ${String(error).split('\n')[0] ?? ''}`);
}
