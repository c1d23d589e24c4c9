// What needs the machine to itself: it compares times.

import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { sendPaced } from './pacer';
import { cpuSeconds, mainThreadCpuSeconds } from './process-figures';

describe('what benches ask of the machine', () => {
  it('takes due times from the clock of the metronome, also when its ticks arrive late', async () => {
    const calledMs = performance.now();
    const dueTimes: number[] = [];
    const sending = sendPaced(20, 10, (_, dueMs) => dueTimes.push(dueMs));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_500);
    const heardMs = performance.now();
    await sending;
    expect(dueTimes[0]).toBeGreaterThan(calledMs + 20);
    expect(dueTimes.at(-1)).toBeLessThan(heardMs);
  });

  it('separates the CPU time of the main thread from that of other threads', async () => {
    const figures = () => ({ all: cpuSeconds(process.pid), main: mainThreadCpuSeconds(process.pid) });
    const before = figures();
    const busy = 'for (let use; !use || use.user + use.system < 400_000; ) use = process.threadCpuUsage();';
    await once(new Worker(busy, { eval: true }), 'exit');
    const after = figures();
    const all = after.all - before.all;
    expect(all).toBeGreaterThan(0.3);
    expect(after.main - before.main).toBeLessThan(all / 2);
  });
});
