// One Kafka node (broker and controller) as a process.
//
// Guarantees: `start` resolves once the node serves. The node does not outlive its owner, even one that is killed: a watcher
// then kills it and removes its files. Bounds: `START_MS_MAX`.

import { until } from '@pulses/testing-processes';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { openSync, closeSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { JavaCommand, KafkaPrograms } from './kafka-programs';
import { atOwnEnd } from './server-process';

const run = promisify(execFile);
const START_MS_MAX = 120_000;
const READY = 'Kafka Server started';
const LOG_CHARS_SHOWN = 4_000;
/** Ends with the process whose id is the first argument. */
const OWNER_SCRIPT = 'while kill -0 "$1" 2>/dev/null; do sleep 0.5; done; shift; exec "$@"';

export interface NodePlace {
  readonly id: number;
  /** Directory of the cluster, which the watcher removes. */
  readonly directory: string;
  /** Directory of this node: its properties and its log. */
  readonly path: string;
}

export interface NodeOptions {
  readonly heapMiB: number;
  /** `start` compiles little and starts in two seconds; `throughput` is the server as it is run. */
  readonly tunedFor: 'start' | 'throughput';
  /** The process that the node must not outlive; without it, this one. */
  readonly ownerPid?: number;
}

/** A node of a cluster that a test started. */
export class KafkaNode {
  readonly id: number;
  readonly #programs: KafkaPrograms;
  readonly #place: NodePlace;
  readonly #options: NodeOptions;
  #running: { child: ChildProcess; java: JavaCommand; exited: Promise<void>; watcher: ChildProcess } | undefined;

  constructor(programs: KafkaPrograms, place: NodePlace, options: NodeOptions) {
    this.id = place.id;
    this.#programs = programs;
    this.#place = place;
    this.#options = options;
  }

  /** Process id, for measures of memory and time. @throws TypeError when the node does not run */
  get pid(): number {
    const pid = this.#running?.child.pid;
    if (pid === undefined) throw new TypeError(`Kafka node ${this.id} does not run`);
    return pid;
  }

  /** Starts the node on its files. @throws Error with the end of its log when it ends first */
  async start(): Promise<void> {
    if (this.#running !== undefined) throw new TypeError(`Kafka node ${this.id} runs already`);
    const logPath = join(this.#place.path, 'server.log');
    await writeFile(logPath, '');
    const java = this.#programs.java(this.#place.directory, this.#arguments());
    const log = openSync(logPath, 'a');
    const child = spawn(java.command, java.args, { cwd: this.#place.path, stdio: ['ignore', log, log] });
    closeSync(log);
    const exited = new Promise<void>((resolve) => {
      child.once('exit', () => {
        resolve();
      });
      child.once('error', () => {
        resolve();
      });
    });
    if (child.pid === undefined) throw new Error(`Kafka could not be started: ${java.command}`);
    const watcher = this.#watch(java.signal('KILL', child.pid));
    this.#running = { child, java, exited, watcher };
    let ended = false;
    void exited.then(() => (ended = true));
    await until(async () => ended || (await readFile(logPath, 'utf8')).includes(READY), START_MS_MAX);
    if (!ended) return;
    watcher.kill('SIGKILL');
    this.#running = undefined;
    throw new Error(`Kafka ended at once: ${(await readFile(logPath, 'utf8')).slice(-LOG_CHARS_SHOWN)}`);
  }

  /** Resolves once the node has ended, also by itself, such as on a full disk. */
  async ended(): Promise<void> {
    await this.#running?.exited;
  }

  /** Kills by SIGKILL and waits for the end. Its files stay. */
  async kill(): Promise<void> {
    await this.#end('KILL');
  }

  /** Ends the node as an operator would: it hands its leaderships over. */
  async shutDown(): Promise<void> {
    await this.#end('TERM');
  }

  /** Kills the node if it runs, and starts it again on the same ports and files. */
  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  /** Stops the process without ending it: no answer, open connections. */
  async pause(): Promise<void> {
    await this.#signal('STOP');
  }

  async resume(): Promise<void> {
    await this.#signal('CONT');
  }

  /** Lets this process end although the node runs. */
  unref(): void {
    this.#running?.child.unref();
    this.#running?.watcher.unref();
  }

  async #end(signal: 'KILL' | 'TERM'): Promise<void> {
    if (this.#running === undefined) return;
    const { exited, watcher } = this.#running;
    await this.#signal(signal);
    await exited;
    watcher.kill('SIGKILL');
    this.#running = undefined;
  }

  async #signal(name: 'KILL' | 'STOP' | 'CONT' | 'TERM'): Promise<void> {
    const [command = '', ...args] = this.#running?.java.signal(name, this.pid) ?? [];
    // It may have ended by itself.
    await run(command, args).catch(() => undefined);
  }

  #watch(killCommand: readonly string[]): ChildProcess {
    const clean = ['sh', '-c', 'dir=$1; shift; "$@"; rm -rf "$dir"', 'sh', this.#place.directory, ...killCommand];
    const { ownerPid } = this.#options;
    return ownerPid === undefined
      ? atOwnEnd(clean)
      : spawn('sh', ['-c', OWNER_SCRIPT, 'sh', String(ownerPid), ...clean], { stdio: 'ignore', detached: true });
  }

  #arguments(): string[] {
    const { heapMiB, tunedFor } = this.#options;
    const compiler = tunedFor === 'start' ? ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'] : ['-XX:+UseG1GC'];
    const log = `-Dlog4j2.configurationFile=${join(this.#place.directory, 'log4j2.yaml')}`;
    return [`-Xmx${heapMiB}m`, ...compiler, log, 'kafka.Kafka', join(this.#place.path, 'server.properties')];
  }
}
