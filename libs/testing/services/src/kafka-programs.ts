// What runs a Kafka node: Java with the jars of Maven Central, else a container.
//
// Guarantees: jars are collected once into the cache below node_modules; several processes may ask concurrently. A
// machine without Java and without containers gets an error with instructions, never a skipped test.

import { workspaceRoot } from '@pulses/testing-processes';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { answeringEngine } from './container-engine';
import { cacheDirectory, onPath } from './program';

const run = promisify(execFile);
const BUILD_MS_MAX = 600_000;
const IMAGE = 'apache/kafka:4.4.0';
const IMAGE_JAVA = '/opt/java/openjdk/bin/java';
const IMAGE_JARS = '/opt/kafka/libs/*';
const METADATA = '__cluster_metadata-0';
const INSTALL = 'apt-get install openjdk-17-jre-headless maven';

/** How Java programs of Kafka are called. */
export interface KafkaPrograms {
  /** A command and the signals' way to it. `directory` holds all files that it reads and writes. */
  java(directory: string, args: readonly string[]): JavaCommand;
}

export interface JavaCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** The command that sends a signal, for the process id of `command`. */
  signal(name: 'KILL' | 'STOP' | 'CONT' | 'TERM', pid: number): readonly string[];
}

/** @throws Error with instructions to install what is missing */
export async function provideKafkaPrograms(): Promise<KafkaPrograms> {
  try {
    return await javaPrograms();
  } catch (error) {
    const engine = await answeringEngine();
    if (engine !== undefined) return containerPrograms(engine);
    throw error;
  }
}

/** The folder with pom.xml and log4j2.yaml. */
export const kafkaFiles = (): string => join(workspaceRoot(), 'libs/testing/services/kafka');

/** The jars that `pom.xml` in `projectDirectory` names, in a cache folder that is called `name` and a hash of the file. */
async function provideJars(name: string, projectDirectory: string): Promise<string> {
  const pom = join(projectDirectory, 'pom.xml');
  const root = join(cacheDirectory(), `${name}-${await digestOf(pom)}`);
  if (await exists(root)) return root;
  if ((await onPath('mvn')) === undefined) throw missing('there is no mvn on the PATH to collect its jars');
  await mkdir(dirname(root), { recursive: true });
  const work = await mkdtemp(`${root}-`);
  try {
    const output = [`-DoutputDirectory=${work}`, '-DincludeScope=runtime'];
    await run('mvn', ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', ...output], { timeout: BUILD_MS_MAX });
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
async function provideJava(): Promise<string> {
  const java = await onPath('java');
  if (java === undefined) throw missing('there is no java on the PATH');
  return java;
}

async function javaPrograms(): Promise<KafkaPrograms> {
  const java = await provideJava();
  const jars = await provideJars('kafka-node', kafkaFiles());
  return {
    java: (_directory, args) => ({
      command: java,
      args: ['-cp', join(jars, '*'), ...args],
      signal: (name, pid) => ['kill', `-${name}`, String(pid)],
    }),
  };
}

/** The host's network, since a node tells its clients the ports where it listens. */
function containerPrograms(engine: string): KafkaPrograms {
  return {
    java(directory, args) {
      const name = `pulses-kafka-${randomBytes(6).toString('hex')}`;
      const place = [
        '--network=host',
        '--volume',
        `${directory}:${directory}`,
        '--user',
        String(process.getuid?.() ?? 0),
      ];
      return {
        command: engine,
        args: ['run', '--rm', '--name', name, ...place, '--entrypoint', IMAGE_JAVA, IMAGE, '-cp', IMAGE_JARS, ...args],
        signal: (signal) => [engine, 'kill', `--signal=${signal}`, name],
      };
    },
  };
}

/**
 * Writes what `kafka-storage format` writes. Its Java takes a second, so its records are kept in the cache: they name
 * neither node nor cluster.
 */
export async function formatStorage(
  programs: KafkaPrograms,
  place: { directory: string; propertiesPath: string; data: string; nodeId: number; clusterId: string },
): Promise<void> {
  const cached = join(cacheDirectory(), `kafka-format-${await digestOf(join(kafkaFiles(), 'pom.xml'))}`);
  if (await exists(cached)) {
    await cp(cached, join(place.data, METADATA), { recursive: true });
    const identity = [`node.id=${place.nodeId}`, `directory.id=${freshUuid()}`, `cluster.id=${place.clusterId}`];
    await writeFile(join(place.data, 'meta.properties'), ['version=1', ...identity, ''].join('\n'));
    return;
  }
  const log = `-Dlog4j2.configurationFile=${join(place.directory, 'log4j2.yaml')}`;
  const format = ['format', '-t', place.clusterId, '-c', place.propertiesPath];
  const { command, args } = programs.java(place.directory, [
    ...['-XX:TieredStopAtLevel=1', log],
    ...['kafka.tools.StorageTool', ...format],
  ]);
  await run(command, [...args]);
  await mkdir(dirname(cached), { recursive: true });
  const work = await mkdtemp(`${cached}-`);
  await cp(join(place.data, METADATA), work, { recursive: true });
  // Another process may have been first.
  await rename(work, cached).catch(() => rm(work, { recursive: true, force: true }));
}

/** A UUID as Kafka writes it. */
export function freshUuid(): string {
  for (;;) {
    const text = randomBytes(16).toString('base64url');
    if (!text.startsWith('-')) return text;
  }
}

function missing(reason: string, cause?: unknown): Error {
  return new Error(
    `a Kafka for tests needs Java 17 or newer and Maven, or docker, or an address in KAFKA_BROKERS: ${reason}. To get it: ${INSTALL}`,
    { cause },
  );
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

async function digestOf(path: string): Promise<string> {
  const bytes = await crypto.subtle.digest('SHA-256', await readFile(path));
  return Buffer.from(bytes).toString('hex').slice(0, 12);
}
