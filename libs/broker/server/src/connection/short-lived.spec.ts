import { describe, expect, it } from '@jest/globals';
import { createFrameAssembler, createLineReader } from '@pulses/broker-wire';
import { createSimClock } from '@pulses/testing-sim';
import { setFlagsFromString } from 'node:v8';
import { createDeadline } from '../limits/deadline';
import { createRequestFlow } from '../protocols/request-flow';
import { createSendBuffer } from './send-buffer';

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

const makers: Readonly<Record<string, () => object>> = {
  deadline: () => createDeadline(clock, 1, nothing),
  'send buffer': () => createSendBuffer(socket, clock, 1, nothing),
  'request flow': () => createRequestFlow(() => true, nothing, nothing),
  'frame assembler': () => createFrameAssembler(),
  'line reader': () => createLineReader(),
};

setFlagsFromString('--allow-natives-syntax');
/* eslint-disable @typescript-eslint/no-implied-eval -- only the engine's own syntax tells hidden classes apart */
const isOfHiddenClass = new Function('it', 'return %HasFastProperties(it)') as (it: object) => boolean;
const haveSameHiddenClass = new Function('a', 'b', 'return %HaveSameMap(a, b)') as (a: object, b: object) => boolean;
/* eslint-enable @typescript-eslint/no-implied-eval */
setFlagsFromString('--no-allow-natives-syntax');

/** The paths of all parts at which two objects from one maker do not share a hidden class. */
function differences(one: unknown, other: unknown, path = 'it'): string[] {
  if (one === other || !isObject(one) || !isObject(other)) return [];
  // What the walk would not see: see each part below.
  if (/\bthis\.#/.test(String(one.constructor))) return [`${path} has fields that are hidden from this test`];
  if (!isOfHiddenClass(one) || !haveSameHiddenClass(one, other)) return [path];
  return Reflect.ownKeys(one).flatMap((key) =>
    differences(Reflect.get(one, key), Reflect.get(other, key), `${path}.${String(key)}`),
  );
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

describe('what a connection is made of', () => {
  // An object with a getter of its own, say, goes through hidden classes of its own, and ends as a hash table. Those are old
  // from the start, and keep what is young from being freed: some 1,000 bytes that wait for a collection of everything.
  it.each(Object.entries(makers))('shares its hidden classes with all others: %s', (_name, make) => {
    // The engine settles on the size of an object and the kinds of its fields while the first ones are made.
    for (let index = 0; index < 1_000; index += 1) make();
    expect(differences(make(), make())).toEqual([]);
  });
});
