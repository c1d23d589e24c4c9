// Sends at fixed times, whether or not the answers have come: an open loop.
//
// Guarantees: send `index` is due at the first tick + index × interval, and is given that time, however late it is made: a latency
// counted from it holds what a stalled generator would otherwise leave out. A thread that only sleeps gives the time, since
// timers of the event loop know whole milliseconds alone; and its clock says what is due when, or a tick that comes a little
// before its send would leave that for the next one.

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

/** A time of the process's clock by performance.now(): the latest of some readings, between which the thread may have had to wait. */
function nowAt(time: bigint): number {
  return Math.max(...Array.from({ length: 9 }, () => performance.now() - Number(process.hrtime.bigint() - time) / 1e6));
}

/** @param send called with the time, by performance.now(), at which it was due */
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
