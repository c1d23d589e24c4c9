// What the kernel knows of a process. Linux only, as the benches are.

import { readFileSync } from 'node:fs';

const TICKS_A_SECOND = 100;

/** CPU seconds so far, in user and in system mode, of all threads. @throws Error when the process has ended */
export function cpuSeconds(pid: number): number {
  return cpuSecondsIn(`/proc/${pid}/stat`);
}

/** The same of the main thread alone, which runs the event loop of a program of Node. @throws Error when the process has ended */
export function mainThreadCpuSeconds(pid: number): number {
  return cpuSecondsIn(`/proc/${pid}/task/${pid}/stat`);
}

function cpuSecondsIn(statPath: string): number {
  // The name, in brackets, may hold anything.
  const fields = readFileSync(statPath, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

/** The most memory that was resident at any time. @throws Error when the process has ended */
export function peakMemoryMiB(pid: number): number {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  if (kib === undefined) throw new Error(`no VmHWM in /proc/${pid}/status`);
  return Number(kib) / 1024;
}
