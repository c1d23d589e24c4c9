// Tests that need something of the machine, such as the right to mount a file system.
//
// Guarantees: where it is missing, the test shows as skipped, with the reason. The target of such a spec has the same
// capability among its inputs, which keeps the skip out of Nx's cache. A spec of the workspace checks that.

import { it } from '@jest/globals';
import { execFileSync } from 'node:child_process';

export type Capability = 'mount' | 'unshare';

/** `it`, or `it.skip` when the machine lacks the capability. */
export function itWith(capability: Capability, ask: (capability: Capability) => string = askMachine): typeof it.skip {
  const answer = ask(capability);
  if (answer.startsWith(`${capability} yes`)) return it;
  process.stderr.write(`skipped, since this machine lacks ${answer.trim()}\n`);
  return it.skip;
}

/** From the root of the workspace, where tests run. */
function askMachine(capability: Capability): string {
  return execFileSync(process.execPath, ['tools/src/capability.mts', capability], { encoding: 'utf8' });
}
