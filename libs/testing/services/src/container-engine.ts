// The container engine of this machine, if one answers.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ENGINES = ['docker', 'podman'];
const ANSWER_MS_MAX = 5_000;

/** Undefined when none answers. */
export async function answeringEngine(): Promise<string | undefined> {
  for (const engine of ENGINES) {
    const answers = await run(engine, ['info'], { timeout: ANSWER_MS_MAX }).then(
      () => true,
      () => false,
    );
    if (answers) return engine;
  }
  return undefined;
}
