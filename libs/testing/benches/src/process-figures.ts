// CPU time, memory and writes of a process, from /proc, and the disk space of a directory. Linux only.

import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const TICKS_A_SECOND = 100;
/** The unit of `blocks`, whatever the file system's own blocks are. */
const BLOCK_BYTES = 512;

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

/** Resident memory. @throws Error when the process has ended */
export function residentMemoryMiB(pid: number): number {
  return statusMiB(pid, 'VmRSS');
}

/** Peak resident memory. @throws Error when the process has ended */
export function peakMemoryMiB(pid: number): number {
  return statusMiB(pid, 'VmHWM');
}

function statusMiB(pid: number, field: string): number {
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  if (kib === undefined) throw new Error(`no ${field} in /proc/${pid}/status`);
  return Number(kib) / 1024;
}

/** Bytes that the process had the file systems write so far. @throws Error when the process has ended */
export function writtenBytes(pid: number): number {
  const bytes = /^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))?.[1];
  if (bytes === undefined) throw new Error(`no write_bytes in /proc/${pid}/io`);
  return Number(bytes);
}

/** Bytes that the files of a directory and below occupy. Files that are removed meanwhile do not count. */
export function storedBytes(directory: string): number {
  let bytes = 0;
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    const blocks = lstatSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.blocks ?? 0;
    bytes += blocks * BLOCK_BYTES;
  }
  return bytes;
}
