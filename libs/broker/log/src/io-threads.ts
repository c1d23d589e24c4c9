// The threads that a broker's files share, and how many of them topics may take.

/** Threads of libuv in a process that opens a log (UV_THREADPOOL_SIZE). */
export const IO_THREADS = 24;
/**
 * Topic files synced at a time; the file system commits them together. Less than IO_THREADS, so the journal's sync never
 * waits for a thread.
 */
export const TOPIC_SYNCS_MAX = 12;
