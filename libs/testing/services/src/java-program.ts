// Java programs for tests, with the jars that a pom names.
//
// Guarantees: jars are collected once into the cache below node_modules; several processes may ask concurrently. A program
// does not outlive its test process.

import { execFile, spawn } from 'node:child_process';
import { access, mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { cacheDirectory, onPath } from './program';
import { startedServer, type ServerProcess } from './server-process';

const run = promisify(execFile);
const BUILD_MS_MAX = 600_000;
const INSTALL = 'apt-get install openjdk-17-jdk-headless maven';

export interface JavaProgram {
  /** Folder with a pom.xml and the source. */
  readonly directory: string;
  /** File with the program's main class. */
  readonly source: string;
  readonly javaArgs: readonly string[];
  readonly args: readonly string[];
  /** What it prints once it works. */
  readonly ready: RegExp;
}

/** Compiles and starts a program of one source file. @throws Error with its output when it ends first */
export async function startJavaProgram(program: JavaProgram): Promise<ServerProcess> {
  const java = await provideJava();
  const jars = await provideJars(program.directory);
  const args = [...program.javaArgs, '-cp', join(jars, '*'), join(program.directory, program.source), ...program.args];
  const child = spawn(java, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  return startedServer(program.source, program.ready, child, (pid) => ['kill', '-9', String(pid)]);
}

/**
 * The folder of the jars that the `pom.xml` of a folder names.
 *
 * @param properties of the pom, in place of those that it has
 * @throws Error with instructions
 */
export async function provideJars(
  projectDirectory: string,
  properties: Readonly<Record<string, string>> = {},
): Promise<string> {
  const pom = join(projectDirectory, 'pom.xml');
  const root = join(cacheDirectory(), ['jars', await digestOf(pom), ...Object.values(properties)].join('-'));
  if (await exists(root)) return root;
  if ((await onPath('mvn')) === undefined) throw missing('there is no mvn on the PATH to collect its jars');
  await mkdir(dirname(root), { recursive: true });
  const work = await mkdtemp(`${root}-`);
  try {
    const given = Object.entries({ ...properties, outputDirectory: work, includeScope: 'runtime' });
    const settings = given.map(([name, value]) => `-D${name}=${value}`);
    await run('mvn', ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', ...settings], { timeout: BUILD_MS_MAX });
    await rename(work, root).catch((error: NodeJS.ErrnoException) => {
      // Another process was first.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } catch (error) {
    throw missing(`Maven could not collect its jars (${(error as Error).message.split('\n')[0] ?? ''})`, error);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return root;
}

/** @throws Error with instructions when there is no Java */
export async function provideJava(): Promise<string> {
  const java = await onPath('java');
  if (java === undefined) throw missing('there is no java on the PATH');
  return java;
}

function missing(reason: string, cause?: unknown): Error {
  return new Error(
    `a Kafka for tests needs Java 17 or newer and Maven, or docker, or an address in KAFKA_BROKERS: ${reason}. To get it: ${INSTALL}`,
    { cause },
  );
}

export const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Names what a file's bytes determine. */
export async function digestOf(path: string): Promise<string> {
  const bytes = await crypto.subtle.digest('SHA-256', await readFile(path));
  return Buffer.from(bytes).toString('hex').slice(0, 12);
}
