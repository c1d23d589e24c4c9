// An open-loop load: sends at fixed times, whether answers have arrived or not.
//
// Guarantees: send `index` is due at the first tick + index × interval, and receives that time also when it is late. A
// latency counted from it includes the stalls of the generator (no coordinated omission).
// Ticks come from a sleeping thread, since timers of the event loop have millisecond resolution. The thread's clock sets
// the due times, or a tick that arrives early would postpone its send to the next tick.

import { Worker } from 'node:worker_threads';

const METRONOME = `
const { parentPort, workerData } = require('node:worker_threads');
const sleeper = new Int32Array(new SharedArrayBuffer(4));
const start = process.hrtime.bigint();
const elapsedMs = () => Number(process.hrtime.bigint() - start) / 1e6;
for (let tick = 1; ; tick += 1) {
  const restMs = tick * workerData.intervalMs - elapsedMs();
  if (restMs > 0) Atomics.wait(sleeper, 0, 0, restMs);
  parentPort.postMessage(start);
}
`;

/** The process's clock by performance.now(): the latest of several readings, since the thread may wait between them. */
function nowAt(time: bigint): number {
  return Math.max(...Array.from({ length: 9 }, () => performance.now() - Number(process.hrtime.bigint() - time) / 1e6));
}

/** @param send called with its due time, by performance.now() */
export async function sendPaced(
  intervalMs: number,
  count: number,
  send: (index: number, dueMs: number) => void,
): Promise<void> {
  const metronome = new Worker(METRONOME, { eval: true, workerData: { intervalMs } });
  try {
    await new Promise<void>((resolve, reject) => {
      metronome.once('error', reject);
      let sent = 0;
      let firstMs: number | undefined;
      metronome.on('message', (start: bigint) => {
        firstMs ??= nowAt(start) + intervalMs;
        for (; sent < count && firstMs + sent * intervalMs <= performance.now(); sent += 1)
          send(sent, firstMs + sent * intervalMs);
        if (sent === count) resolve();
      });
    });
  } finally {
    await metronome.terminate();
  }
}
