// Starts and ends a redis-server, as a program or in a container.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { answeringEngine } from './container-engine';
import { provideProgram } from './program';
import { startedServer, type ServerProcess } from './server-process';

const IMAGE = 'redis:7-alpine';
const READY = /Ready to accept connections/;
const PACKAGES = ['redis-server', 'redis-tools', 'liblzf1', 'libjemalloc2', 'liblua5.1-0', 'lua-cjson', 'lua-bitop'];

/** Starts a server and waits until it accepts connections. @throws Error with its output when it ends first */
export type RedisLauncher = (place: {
  port: number;
  directory: string;
  args: readonly string[];
}) => Promise<ServerProcess>;

/** @throws Error with instructions to install the program */
export async function programLauncher(): Promise<RedisLauncher> {
  const { path, env } = await provideProgram({ program: 'redis-server', packages: PACKAGES });
  return ({ port, directory, args }) =>
    startedServer(
      'redis-server',
      READY,
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
  const engine = await answeringEngine();
  return engine === undefined ? undefined : launcherOf(engine);
}

function launcherOf(engine: string): RedisLauncher {
  return ({ port, directory, args }) => {
    const name = `pulses-redis-${randomBytes(6).toString('hex')}`;
    const published = ['--publish', `127.0.0.1:${port}:${port}`, '--volume', `${directory}:${directory}`];
    return startedServer(
      'redis-server',
      READY,
      spawn(
        engine,
        ['run', '--rm', '--name', name, ...published, IMAGE, 'redis-server', ...serverArgs(port, directory, '*', args)],
        {
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      ),
      () => [engine, 'kill', '--signal=KILL', name],
    );
  };
}

function serverArgs(port: number, directory: string, bind: string, args: readonly string[]): string[] {
  return ['--port', String(port), '--bind', bind, '--protected-mode', 'no', '--dir', directory, '--save', '', ...args];
}
