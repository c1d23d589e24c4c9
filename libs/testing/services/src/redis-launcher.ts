// How a redis-server is started and ended: as a program, or in a container.

import { spawn, execFile, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { provideProgram } from './program';

const run = promisify(execFile);
const CONTAINER_ENGINES = ['docker', 'podman'];
const IMAGE = 'redis:7-alpine';
const ANSWER_MS_MAX = 5_000;
const OUTPUT_CHARS_MAX = 64 * 1024;
const PACKAGES = ['redis-server', 'redis-tools', 'liblzf1', 'libjemalloc2', 'liblua5.1-0', 'lua-cjson', 'lua-bitop'];

export interface RunningRedis {
  /** Ends it by SIGKILL, and waits until it has gone. */
  kill(): Promise<void>;
}

/** What a watcher runs with `sh -c`: waits for the end of its pipe, then runs its arguments as a command. */
export const WATCHER_SCRIPT = 'read -r _; exec "$@"';

/** Starts a server and waits until it takes connections. @throws Error with its output when it ends instead */
export type RedisLauncher = (place: { port: number; directory: string; args: readonly string[] }) => Promise<RunningRedis>;

/** @throws Error that says how to get the program */
export async function programLauncher(): Promise<RedisLauncher> {
  const { path, env } = await provideProgram({ program: 'redis-server', packages: PACKAGES });
  return ({ port, directory, args }) =>
    started(
      spawn(path, serverArgs(port, directory, '127.0.0.1', args), {
        cwd: directory,
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
      (pid) => ['kill', '-9', String(pid)],
    );
}

/** Undefined when no container engine answers. */
export async function containerLauncher(): Promise<RedisLauncher | undefined> {
  for (const engine of CONTAINER_ENGINES) {
    const answers = await run(engine, ['info'], { timeout: ANSWER_MS_MAX }).then(() => true, () => false);
    if (answers) return launcherOf(engine);
  }
  return undefined;
}

function launcherOf(engine: string): RedisLauncher {
  return ({ port, directory, args }) => {
    const name = `pulses-redis-${randomBytes(6).toString('hex')}`;
    const published = ['--publish', `127.0.0.1:${port}:${port}`, '--volume', `${directory}:${directory}`];
    return started(
      spawn(engine, ['run', '--rm', '--name', name, ...published, IMAGE, 'redis-server', ...serverArgs(port, directory, '*', args)], {
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
      () => [engine, 'kill', '--signal=KILL', name],
    );
  };
}

function serverArgs(port: number, directory: string, bind: string, args: readonly string[]): string[] {
  return ['--port', String(port), '--bind', bind, '--protected-mode', 'no', '--dir', directory, '--save', '', ...args];
}

async function started(server: ChildProcess, killCommand: (pid: number) => string[]): Promise<RunningRedis> {
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
    throw new Error(`redis-server could not be started: ${server.spawnfile}`);
  }
  const [command = '', ...args] = killCommand(server.pid);
  const watcher = spawn('sh', ['-c', WATCHER_SCRIPT, 'sh', command, ...args], { stdio: ['pipe', 'ignore', 'ignore'] });
  const isReady = await Promise.race([output.until(/Ready to accept connections/), exited.then(() => false)]);
  if (!isReady) {
    watcher.kill('SIGKILL');
    throw new Error(`redis-server ended at once: ${output.text()}`);
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
