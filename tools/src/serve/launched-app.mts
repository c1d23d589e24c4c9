// A bundled app as a child of the launcher.
//
// Guarantees: it ends when the launcher ends, also when that is killed, since their channel closes.

import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

export const WORKSPACE_ROOT = join(import.meta.dirname, '../../..');

export class LaunchedApp {
  readonly #child: ChildProcess;
  /** Settles with the exit code; 1 when a signal ended it. */
  readonly exited: Promise<number>;

  constructor(app: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.#child = fork(join(WORKSPACE_ROOT, 'dist/apps', app, 'main.js'), args, {
      stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
      env,
      // A process group of its own: Ctrl-C reaches the launcher alone, which ends the children in order.
      detached: true,
    });
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code) => {
        resolve(code ?? 1);
      });
    });
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async stop(): Promise<void> {
    if (this.isRunning) this.kill('SIGTERM');
    await this.exited;
  }
}
