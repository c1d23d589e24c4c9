// Another group that tries, again and again, to publish the outputs of a source that has an owner.

import { freePort, startApp, type ExitState } from '@pulses/testing-processes';
import { setTimeout as pause } from 'node:timers/promises';

export interface SecondGroup {
  /** Lets the last attempt end; resolves to how each ended. */
  stop(): Promise<readonly ExitState[]>;
}

/** Starts an ingestor of the group `second`, and the next one `pauseMs` after it has ended. */
export function startSecondGroup(port: number, pauseMs: number): SecondGroup {
  const stopped = new AbortController();
  const exits: ExitState[] = [];
  const attempt = async (): Promise<void> => {
    const app = startApp({
      app: 'ingestor',
      args: [`--port=${port}`, `--http-port=${await freePort()}`, '--group=second', '--log-level=warn'],
    });
    exits.push(await app.exited);
  };
  const attempts = (async () => {
    do {
      await attempt();
      // The pace of the attempts, not a wait.
      await pause(pauseMs, undefined, { signal: stopped.signal }).catch(() => undefined);
    } while (!stopped.signal.aborted);
  })();
  return {
    async stop() {
      stopped.abort();
      await attempts;
      return exits;
    },
  };
}
