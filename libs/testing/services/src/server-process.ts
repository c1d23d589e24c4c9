// A server process that tests start.
//
// Guarantees: it does not outlive its test process, even one that is killed. A watcher reads a pipe from the test process
// and kills the server when the pipe closes.

import { spawn, execFile, type ChildProcess } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const OUTPUT_CHARS_MAX = 64 * 1024;

export interface ServerProcess {
  /** Kills the server by SIGKILL and waits for its end. */
  kill(): Promise<void>;
}

/** The watcher's script for `sh -c`: waits for the end of its pipe, then runs its arguments as a command. */
export const WATCHER_SCRIPT = 'read -r _; exec "$@"';

/** Runs a command, such as one that kills a server, once this process has ended. */
export function atOwnEnd(command: readonly string[]): ChildProcess {
  return spawn('sh', ['-c', WATCHER_SCRIPT, 'sh', ...command], { stdio: ['pipe', 'ignore', 'ignore'] });
}

/** Waits until a new server reports that it is ready. @throws Error with its output when it ends first */
export async function startedServer(
  name: string,
  ready: RegExp,
  server: ChildProcess,
  killCommand: (pid: number) => string[],
): Promise<ServerProcess> {
  const exited = new Promise<void>((resolve) => {
    server.once('exit', () => {
      resolve();
    });
    server.once('error', () => {
      resolve();
    });
  });
  const output = collectOutput(server);
  if (server.pid === undefined) {
    await exited;
    throw new Error(`${name} could not be started: ${server.spawnfile}`);
  }
  const [command = '', ...args] = killCommand(server.pid);
  const watcher = atOwnEnd([command, ...args]);
  const isReady = await Promise.race([output.until(ready), exited.then(() => false)]);
  if (!isReady) {
    watcher.kill('SIGKILL');
    throw new Error(`${name} ended at once: ${output.text()}`);
  }
  return {
    async kill() {
      if (server.exitCode === null && server.signalCode === null) await run(command, args).catch(() => undefined);
      await exited;
      watcher.kill('SIGKILL');
    },
  };
}

function collectOutput(server: ChildProcess): { text(): string; until(pattern: RegExp): Promise<true> } {
  let text = '';
  let look: () => void = () => undefined;
  for (const stream of [server.stdout, server.stderr])
    stream?.on('data', (chunk: Buffer) => {
      text = (text + chunk.toString()).slice(-OUTPUT_CHARS_MAX);
      look();
    });
  return {
    text: () => text,
    until: (pattern) =>
      new Promise((resolve) => {
        look = () => {
          if (pattern.test(text)) resolve(true);
        };
        look();
      }),
  };
}
