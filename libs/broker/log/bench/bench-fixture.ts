// What the benches of the log share: a directory, lines of the usual length, and one line of output.

import { mkdtemp, rm } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { nodeClock, nodeFileSystem, nodeRandom } from '@pulses/shared-node-platform';
import type { BrokerLog } from '@pulses/broker-log-api';
import { openBrokerLog, type OpenBrokerLogOptions } from '../src';

export const isSmoke = process.env['SMOKE'] === '1';

/** Beside the repository, not in a memory file system. */
export async function inDirectory<T>(run: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(process.env['BENCH_DIR'] ?? process.cwd(), 'tmp-bench-'));
  try {
    return await run(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export function openLog(directory: string, rest: Partial<OpenBrokerLogOptions> = {}): Promise<BrokerLog> {
  return openBrokerLog({ fileSystem: nodeFileSystem, clock: nodeClock, random: nodeRandom, directory, ...rest });
}

/** `count` lines of 156 bytes with their line feeds. */
export function payloadOf(count: number, seed: number): Buffer {
  const line = (index: number): string => `{"n":${seed},"i":${index},"pad":"`.padEnd(153, 'x') + '"}\n';
  return Buffer.from(Array.from({ length: count }, (_, index) => line(index)).join(''));
}

export async function secondsOf(run: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}

export function report(question: string, result: Record<string, number | string>): void {
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`;
  console.log(JSON.stringify({ bench: question, ...result, machine, smoke: isSmoke }));
}

export function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(`the result is wrong: ${what}`);
}
