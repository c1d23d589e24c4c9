// CPU time and memory of a process, from /proc. Linux only.

import { readFileSync } from 'node:fs';

const TICKS_A_SECOND = 100;

/** CPU seconds of all threads so far, user and system. @throws Error when the process has ended */
export function cpuSeconds(pid: number): number {
  return cpuSecondsIn(`/proc/${pid}/stat`);
}

/** CPU seconds of the main thread, which runs Node's event loop. @throws Error when the process has ended */
export function mainThreadCpuSeconds(pid: number): number {
  return cpuSecondsIn(`/proc/${pid}/task/${pid}/stat`);
}

function cpuSecondsIn(statPath: string): number {
  // The name, in brackets, may contain any character.
  const fields = readFileSync(statPath, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

/** Peak resident memory. @throws Error when the process has ended */
export function peakMemoryMiB(pid: number): number {
  const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  if (kib === undefined) throw new Error(`no VmHWM in /proc/${pid}/status`);
  return Number(kib) / 1024;
}
