// Settings of V8 and of the C library that keep a service small. Both read them when a program begins, so the program is begun
// again, once, in the same process: whoever starts a service need not know of them.
//
// - The young generation stays at some 8 MB: buffers that nothing uses are freed when it is collected. So little is collected
//   by one thread as fast as by several, which would wait for cores that somebody else uses.
// - The old one is collected from 48 MB on, and then when it has doubled: by itself it grows to hundreds, and a crowd of clients
//   leaves much behind. From 32 MB on it was collected all the time, since that is about what is in use.
// - Buffers of more than 68 KB are given back to the system when they are freed; those that Node reads sockets into, 64 KB, are
//   not asked for each time. As it comes, glibc keeps whatever lies below something that is in use, and stops asking the
//   system for large buffers after it has freed one. Threads share two heaps of glibc, where each would have its own.
//
// docs/adr/0009-memory.md has the measurements.

const V8_FLAGS = [
  '--max-semi-space-size=4',
  '--no-parallel-scavenge',
  '--initial-old-space-size=48',
  '--heap-growing-percent=100',
];
const ALLOCATOR = { MALLOC_MMAP_THRESHOLD_: '69632', MALLOC_ARENA_MAX: '2' };

/** Begins the program again with the settings, unless it has them. Call it first: what was done before is lost. */
export function useMemorySettings(): void {
  const { execArgv, execPath, argv, env, channel } = process;
  // A parent that talks to its child would lose the channel.
  if (V8_FLAGS.every((flag) => execArgv.includes(flag)) || channel !== undefined) return;
  try {
    // What somebody has set on the command line or for the allocator stands behind ours, and wins.
    process.execve?.(execPath, [execPath, ...V8_FLAGS, ...execArgv, ...argv.slice(1)], { ...ALLOCATOR, ...env });
  } catch {
    // Not allowed: it runs as well, and takes more memory.
  }
}
