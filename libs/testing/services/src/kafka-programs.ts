// What runs a Kafka node: Java with the jars of Maven Central, else a container.
//
// Guarantees: jars are collected once into the cache below node_modules; several processes may ask concurrently. A
// machine without Java and without containers gets an error with instructions, never a skipped test.

import { workspaceRoot } from '@pulses/testing-processes';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { answeringEngine } from './container-engine';
import { digestOf, exists, provideJars, provideJava } from './java-program';
import { cacheDirectory } from './program';

const run = promisify(execFile);
const IMAGE = 'apache/kafka';
const IMAGE_JAVA = '/opt/java/openjdk/bin/java';
const IMAGE_JARS = '/opt/kafka/libs/*';
const IDENTITY = 'meta.properties';

/** The newest release, and the last one without KAFKA-20734. */
export type KafkaVersion = '4.4.0' | '4.2.2';

/** How Java programs of Kafka are called. */
export interface KafkaPrograms {
  readonly version: KafkaVersion;
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
export async function provideKafkaPrograms(version: KafkaVersion): Promise<KafkaPrograms> {
  try {
    return await javaPrograms(version);
  } catch (error) {
    const engine = await answeringEngine();
    if (engine !== undefined) return containerPrograms(engine, version);
    throw error;
  }
}

/** The folder with pom.xml and log4j2.yaml. */
export const kafkaFiles = (): string => join(workspaceRoot(), 'libs/testing/services/kafka');

async function javaPrograms(version: KafkaVersion): Promise<KafkaPrograms> {
  const java = await provideJava();
  const jars = await provideJars(kafkaFiles(), { 'kafka.version': version });
  return {
    version,
    java: (_directory, args) => ({
      command: java,
      args: ['-cp', join(jars, '*'), ...args],
      signal: (name, pid) => ['kill', `-${name}`, String(pid)],
    }),
  };
}

/** The host's network, since a node tells its clients the ports where it listens. */
function containerPrograms(engine: string, version: KafkaVersion): KafkaPrograms {
  const image = `${IMAGE}:${version}`;
  return {
    version,
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
        args: ['run', '--rm', '--name', name, ...place, '--entrypoint', IMAGE_JAVA, image, '-cp', IMAGE_JARS, ...args],
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
  transactionVersion: 1 | 2,
): Promise<void> {
  const digest = await digestOf(join(kafkaFiles(), 'pom.xml'));
  const name = `kafka-format-${digest}-${programs.version}-transactions-${transactionVersion}`;
  const cached = join(cacheDirectory(), name);
  if (await exists(cached)) {
    await cp(cached, place.data, { recursive: true });
    const identity = [`node.id=${place.nodeId}`, `directory.id=${freshUuid()}`, `cluster.id=${place.clusterId}`];
    await writeFile(join(place.data, IDENTITY), ['version=1', ...identity, ''].join('\n'));
    return;
  }
  const log = `-Dlog4j2.configurationFile=${join(place.directory, 'log4j2.yaml')}`;
  const feature = ['--feature', `transaction.version=${transactionVersion}`];
  const format = ['format', '-t', place.clusterId, '-c', place.propertiesPath, ...feature];
  const { command, args } = programs.java(place.directory, [
    ...['-XX:TieredStopAtLevel=1', log],
    ...['kafka.tools.StorageTool', ...format],
  ]);
  await run(command, [...args]);
  await mkdir(dirname(cached), { recursive: true });
  const work = await mkdtemp(`${cached}-`);
  await cp(place.data, work, { recursive: true, filter: (path) => basename(path) !== IDENTITY });
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
