// Runs one bench as a process and reads its output.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { measurementSchema, type Measurement } from '@pulses/testing-benches';
import { workspaceRoot } from '@pulses/testing-processes';

/** The order of the page. A bench that is not listed comes last. */
const ORDER = [
  'ingest',
  'latency',
  'tenants',
  'open-keys',
  'bytes',
  'start',
  'recovery',
  'idle',
  'audit',
  'totals',
  'noisy-neighbours',
  'produce',
  'replay',
  'redis-streams',
  'nats-jetstream',
  'nats-ingest',
  'nats-latency',
];

/** Where the time goes, beside the benches. */
export const PROFILE = 'profile';

const ROOT = 'apps/bench';

/** The benches of the whole system, in the order of the page. */
export function benchNames(): string[] {
  return inPageOrder(
    globSync(join(workspaceRoot(), ROOT, 'bench/*.bench.ts')).map((path) => basename(path, '.bench.ts')),
  );
}

export function inPageOrder(names: readonly string[]): string[] {
  const unnamed = names.filter((name) => !ORDER.includes(name)).sort();
  return [...ORDER.filter((name) => names.includes(name)), ...unnamed];
}

export interface BenchRun {
  readonly isSmoke: boolean;
  /** Where its emptied files stay: removing them before the next bench would slow that one down. */
  readonly directory: string;
  /** Aborts the bench with all its processes. */
  readonly ending: AbortSignal;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Starts the bench once the writes of earlier ones are on disk.
 * @throws Error that names the bench when it fails or prints no valid measurement; the signal's reason
 */
export async function runBench(name: string, options: BenchRun): Promise<Measurement[]> {
  if (!options.isSmoke) await once(spawn('sync'), 'close');
  options.ending.throwIfAborted();
  const args = ['tools/src/bench.mts', ROOT, name, ...(options.isSmoke ? ['--smoke'] : [])];
  const child = spawn(process.execPath, args, {
    cwd: workspaceRoot(),
    env: { ...process.env, TMPDIR: options.directory, TEMP_DIRECTORIES_STAY: '1', ...options.env },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const end = (): void => {
    if (child.pid !== undefined) endGroup(child.pid);
  };
  options.ending.addEventListener('abort', end);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  options.ending.removeEventListener('abort', end);
  options.ending.throwIfAborted();
  if (code !== 0) throw new Error(`bench ${name} failed`);
  return resultsOf(name, output);
}

/** Ends a process group, unless it has just ended by itself. */
function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGTERM');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** The measurements that a bench has printed. @throws Error when it printed none, or an invalid one */
export function resultsOf(name: string, output: string): Measurement[] {
  const lines = output.split('\n').filter((line) => line.startsWith('{'));
  if (lines.length === 0) throw new Error(`bench ${name} printed no result`);
  return lines.map((line) => measurementSchema.parse(JSON.parse(line)));
}
