import { describe, expect, it } from '@jest/globals';
import { MessageQueue } from './message-queue';

const message = (sequence: number, bytes = 0) => ({ sequence, body: new Uint8Array(bytes) });

describe('the queue of messages', () => {
  it('gives them back in order, while it grows and turns', () => {
    const queue = new MessageQueue<ReturnType<typeof message>>();
    let [pushed, taken] = [0, 0];
    for (let round = 0; round < 200; round += 1) {
      for (let count = 0; count < 1 + (round % 7); count += 1) queue.push(message((pushed += 1)));
      for (let count = 0; count < 1 + (round % 5) && queue.length > 1; count += 1) {
        taken += 1;
        expect(queue.peek()?.sequence).toBe(taken);
        expect(queue.shift()?.sequence).toBe(taken);
      }
      expect(queue.length).toBe(pushed - taken);
    }
  });

  it('keeps nothing of what was taken, though it never runs empty', () => {
    const queue = new MessageQueue<ReturnType<typeof message>>();
    queue.push(message(0, 100));
    for (let sequence = 1; sequence <= 100_000; sequence += 1) {
      queue.push(message(sequence, 100));
      queue.shift();
    }
    expect(queue.length).toBe(1);
    expect(queue.capacity).toBeLessThan(1_000);
    expect(queue.bytes).toBeLessThan(1_000);
  });

  it('counts empty messages as bytes', () => {
    const queue = new MessageQueue<ReturnType<typeof message>>();
    for (let sequence = 0; sequence < 1_000; sequence += 1) queue.push(message(sequence));
    expect(queue.bytes).toBeGreaterThan(100_000);
    queue.clear();
    expect([queue.length, queue.bytes, queue.peek()]).toEqual([0, 0, undefined]);
  });
});
