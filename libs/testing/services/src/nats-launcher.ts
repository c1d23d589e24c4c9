// Starts and ends a nats-server: from the PATH, else in a container if an engine answers, else built by the Go toolchain.
//
// Guarantees: a program is built once into the cache below node_modules, by one process at a time. Go's own caches, in the
// user's home, keep what a build compiles: the next fresh clone links it within seconds instead of a minute of CPU.

import { makeTempDirectory } from '@pulses/testing-processes';
import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { answeringEngine } from './container-engine';
import { exists } from './java-program';
import { cacheDirectory, onPath } from './program';
import { startedServer, type ServerProcess } from './server-process';

const run = promisify(execFile);
const PROGRAM = 'nats-server';
const VERSION = '2.15.2';
const IMAGE = `docker.io/library/nats:${VERSION}-alpine`;
const MODULE = `github.com/nats-io/nats-server/v2@v${VERSION}`;
const READY = /Server is ready/;
const BUILD_MS_MAX = 900_000;

/** Starts a server and waits until it is ready. `directory` holds all files. @throws Error with its output when it ends first */
export type NatsLauncher = (directory: string, configuration: string) => Promise<ServerProcess>;

/** @param mayBuild whether a missing program may be built @throws Error with the reason why there is no server */
export async function findNatsLauncher(mayBuild: boolean): Promise<NatsLauncher> {
  const built = join(cacheDirectory(), PROGRAM, PROGRAM);
  const path = (await onPath(PROGRAM)) ?? ((await exists(built)) ? built : undefined);
  if (path !== undefined) return programLauncher(path);
  if (!mayBuild) throw new Error(`there is no ${PROGRAM} on the PATH`);
  const engine = await answeringEngine();
  if (engine !== undefined) return containerLauncher(engine);
  await build(join(cacheDirectory(), PROGRAM));
  return programLauncher(built);
}

const programLauncher =
  (path: string): NatsLauncher =>
  (_directory, configuration) =>
    startedServer(
      PROGRAM,
      READY,
      spawn(path, ['--config', configuration], { stdio: ['ignore', 'pipe', 'pipe'] }),
      (pid) => ['kill', '-9', String(pid)],
    );

/** The host's network, since servers of a cluster reach each other at its ports. */
const containerLauncher =
  (engine: string): NatsLauncher =>
  (directory, configuration) => {
    const name = `pulses-nats-${randomBytes(6).toString('hex')}`;
    const user = `--user=${process.getuid?.() ?? 0}`;
    const place = ['--network=host', '--volume', `${directory}:${directory}`, user, '--entrypoint', PROGRAM];
    return startedServer(
      PROGRAM,
      READY,
      spawn(engine, ['run', '--rm', '--name', name, ...place, IMAGE, '--config', configuration], {
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
      () => [engine, 'kill', '--signal=KILL', name],
    );
  };

async function build(directory: string): Promise<void> {
  if ((await onPath('go')) === undefined)
    throw new Error(`there is no ${PROGRAM} on the PATH, no container engine, and no Go to build it with`);
  await mkdir(directory, { recursive: true });
  const work = await makeTempDirectory();
  try {
    const locked = (await onPath('flock')) === undefined ? [] : ['flock', join(directory, 'lock')];
    const [command = '', ...args] = [...locked, 'go', 'install', MODULE];
    const env = { ...process.env, GOBIN: directory };
    // No module around it may name other versions.
    await run(command, args, { cwd: work.path, env, timeout: BUILD_MS_MAX });
  } catch (error) {
    const [reason = ''] = (error as Error).message.split('\n');
    throw new Error(`there is no ${PROGRAM} on the PATH, and building it failed (${reason})`, { cause: error });
  } finally {
    await work.remove();
  }
}
