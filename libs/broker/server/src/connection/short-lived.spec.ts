import { describe, expect, it } from '@jest/globals';
import { createFrameAssembler, createLineReader } from '@pulses/broker-wire';
import { createSimClock } from '@pulses/testing-sim';
import { getHeapSpaceStatistics } from 'node:v8';
import { createDeadline } from '../limits/deadline';
import { createSendBuffer } from './send-buffer';
import { createRequestFlow } from '../protocols/request-flow';

const COUNT = 20_000;
const clock = createSimClock();
const nothing = () => undefined;
const socket = {
  peer: '',
  bufferedBytes: 0,
  handle: nothing,
  write: () => true,
  cork: nothing,
  uncork: nothing,
  pause: nothing,
  resume: nothing,
  end: nothing,
  destroy: nothing,
};

const makers: Readonly<Record<string, (index: number) => object>> = {
  deadline: (index) => createDeadline(clock, index, nothing),
  sendBuffer: (index) => createSendBuffer(socket, clock, index, nothing),
  'request flow': () => createRequestFlow(() => true, nothing, nothing),
  'frame assembler': () => createFrameAssembler(),
  'line reader': () => createLineReader(),
};

/** Bytes that are in use, or are no more and wait for a collection of everything, outside of the young generation. */
function oldBytes(): number {
  return getHeapSpaceStatistics().reduce(
    (sum, { space_name: name, space_used_size: bytes }) =>
      sum + (name === 'old_space' || name === 'map_space' ? bytes : 0),
    0,
  );
}

describe('what a connection is made of', () => {
  // A getter of its own gives an object a hidden class of its own, some 300 bytes that are old from the start.
  it.each(Object.entries(makers))('has nothing that is old from the start: %s', (_name, make) => {
    for (let index = 0; index < 1_000; index += 1) make(index);
    const before = oldBytes();
    for (let index = 0; index < COUNT; index += 1) make(index);
    expect((oldBytes() - before) / COUNT).toBeLessThan(50);
  });
});
