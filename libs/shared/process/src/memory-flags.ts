// Settings of V8 and of the C library that keep a service small. Both are read when a program starts, so the program starts
// itself again, once, in the same process. Its caller needs to know nothing of them.
//
// - The young generation stays at 8 MB, so that unused buffers are freed soon. One thread collects so little as fast as
//   several, which would wait for busy cores.
// - The old generation is collected from 48 MB on, and then each time it has doubled. By default it grows to hundreds of
//   megabytes. From 32 MB on, about what is in use, it was collected all the time.
// - Freed buffers above 68 KB go back to the system; the 64 KB buffers that Node reads sockets into are reused. By default
//   glibc keeps everything below a buffer in use, and stops mapping large buffers after the first one is freed. Threads
//   share two heaps of glibc instead of one each.
//
// docs/adr/0009-memory.md has the measurements. From the second start on Node also leaves SIGUSR1 alone, at which it would
// open a debugger.

import { url as inspectorUrl } from 'node:inspector';

const FLAGS = [
  '--max-semi-space-size=4',
  '--no-parallel-scavenge',
  '--initial-old-space-size=48',
  '--heap-growing-percent=100',
  '--disable-sigusr1',
];
const ALLOCATOR = { MALLOC_MMAP_THRESHOLD_: '69632', MALLOC_ARENA_MAX: '2' };

/** Starts the program again with the settings, unless it has them. Call it first: earlier work is lost. */
export function reexecWithMemoryFlags(): void {
  const { execArgv, execPath, argv, env, channel } = process;
  // A parent would lose its channel to the child.
  if (FLAGS.every((flag) => execArgv.includes(flag)) || channel !== undefined || isDebugged()) return;
  try {
    // The caller's own flags and variables come later and win.
    process.execve?.(execPath, [execPath, ...FLAGS, ...execArgv, ...argv.slice(1)], { ...ALLOCATOR, ...env });
  } catch {
    // Where execve is not allowed, the program runs with more memory.
  }
}

/** Whether a debugger that was asked for would lose its connection; one that SIGUSR1 has opened may. */
function isDebugged(): boolean {
  if (inspectorUrl() === undefined) return false;
  return [...process.execArgv, process.env['NODE_OPTIONS'], ...Object.keys(process.env)].some(
    (text) => text !== undefined && /inspect/i.test(text),
  );
}
