import { describe, expect, it } from '@jest/globals';
import type { SourceEvent } from '@pulses/connector-api';
import { SCALE } from '@pulses/testing-scale';
import { createSimRandom, settle } from '@pulses/testing-sim';
import { EVENTS_IN_A_ROW_MAX, FairMerge, type Emission, type Gathering, type Step } from './fair-merge';

const head = (nextOffset: number): SourceEvent => ({ kind: 'head', nextOffset, clockMs: 0 });

/** A source whose events the test gives; `asked` counts calls, and two at a time are an error. */
class ManualSource {
  asked = 0;
  #offset = 0;
  #waiting: PromiseWithResolvers<SourceEvent> | undefined;
  /** Whether an event is at hand whenever one is asked for. */
  isEager = false;

  next(): Promise<SourceEvent> {
    if (this.#waiting !== undefined) throw new Error('asked for a second event at the same time');
    this.asked += 1;
    this.#waiting = Promise.withResolvers<SourceEvent>();
    const { promise } = this.#waiting;
    if (this.isEager) this.give();
    return promise;
  }

  give(): void {
    this.#waiting?.resolve(head((this.#offset += 1)));
    this.#waiting = undefined;
  }

  fail(error: Error): void {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}

/** An emission of some steps, each of which waits for the test to make room. */
class ManualEmission implements Emission {
  room: PromiseWithResolvers<void> | undefined;
  constructor(public left: number) {}

  get isPending(): boolean {
    return this.left > 0;
  }

  untilRoom(): Promise<void> | undefined {
    return this.room?.promise;
  }
}

function start(steps = 0) {
  const source = new ManualSource();
  const emission = new ManualEmission(steps);
  const abort = new AbortController();
  const gathering: { due: PromiseWithResolvers<void> | undefined } & Gathering = {
    due: undefined,
    untilDue: () => gathering.due?.promise,
  };
  const merge = new FairMerge(source, emission, gathering, abort.signal);
  const next = async (): Promise<Step | undefined> => (await merge.next()).value;
  return { source, emission, gathering, abort, merge, next };
}

const text = (step: Step | undefined): string =>
  step?.kind === 'head' ? `event ${step.nextOffset}` : (step?.kind ?? 'end');

describe('the merge of events and emission', () => {
  it('gives events in order, and asks for the next one only when it is asked itself', async () => {
    const { source, next } = start();
    source.isEager = true;
    expect([text(await next()), text(await next())]).toEqual(['event 1', 'event 2']);
    await settle();
    expect(source.asked).toBe(2);
  });

  it('emits while the source is silent, and loses no event by it', async () => {
    const { source, emission, next } = start(2);
    expect([text(await next()), text(await next())]).toEqual(['emission', 'emission']);
    emission.left = 0;
    const event = next();
    source.give();
    expect(text(await event)).toBe('event 1');
    expect(source.asked).toBe(1);
  });

  it('emits at most once in a turn of the event loop', async () => {
    const { next } = start(3);
    for (let step = 0; step < 3; step += 1) {
      let isTurnOver = false;
      setImmediate(() => {
        isTurnOver = true;
      });
      expect(text(await next())).toBe('emission');
      expect(isTurnOver).toBe(true);
    }
  });

  it('gives events while the emission has no room, and emits between two of them once it has', async () => {
    const { source, emission, next } = start(1);
    emission.room = Promise.withResolvers<void>();
    source.isEager = true;
    for (const offset of [1, 2, 3]) {
      await settle();
      expect(text(await next())).toBe(`event ${offset}`);
    }
    emission.room.resolve();
    await settle();
    expect(text(await next())).toBe('emission');
    emission.left = 0;
    expect(text(await next())).toBe('event 4');
  });

  it('emits after a bounded run of events, though the source always has one at hand', async () => {
    const { source, next } = start(3);
    source.isEager = true;
    const steps: string[] = [];
    for (let step = 0; step < 3 * (EVENTS_IN_A_ROW_MAX + 1); step += 1) steps.push((await next())?.kind ?? 'end');
    const emissions = steps.flatMap((kind, index) => (kind === 'emission' ? [index] : []));
    expect(emissions).toEqual([1, 2, 3].map((round) => round * (EVENTS_IN_A_ROW_MAX + 1) - 1));
  });

  it('gives no step of an emission that the caller has finished by itself', async () => {
    const { source, emission, next } = start(1);
    emission.room = Promise.withResolvers<void>();
    const first = next();
    source.give();
    expect(text(await first)).toBe('event 1');
    emission.left = 0;
    const second = next();
    source.give();
    expect(text(await second)).toBe('event 2');
    emission.room.resolve();
    await settle();
    // Another emission has no room yet, though the one before would have it.
    emission.room = Promise.withResolvers<void>();
    emission.left = 1;
    const third = next();
    await settle();
    source.give();
    expect(text(await third)).toBe('event 3');
  });

  it('gives a flush when it is due, between two events, and loses none by it', async () => {
    const { source, gathering, next } = start();
    gathering.due = Promise.withResolvers<void>();
    const first = next();
    gathering.due.resolve();
    expect(text(await first)).toBe('flush');
    gathering.due = Promise.withResolvers<void>();
    const second = next();
    source.give();
    expect(text(await second)).toBe('event 1');
    expect(source.asked).toBe(1);
    gathering.due.resolve();
    expect(text(await next())).toBe('flush');
    gathering.due = undefined;
    const third = next();
    source.give();
    expect(text(await third)).toBe('event 2');
    expect(source.asked).toBe(2);
  });

  it('ends once the signal has aborted', async () => {
    const { source, abort, merge, next } = start();
    const steps: string[] = [];
    source.isEager = true;
    for await (const step of merge) {
      steps.push(text(step));
      if (steps.length === 2) abort.abort();
    }
    expect(steps).toEqual(['event 1', 'event 2']);
    expect(await next()).toBeUndefined();
  });

  it('rejects with what the wait for a flush fails with', async () => {
    const { gathering, next } = start();
    gathering.due = Promise.withResolvers<void>();
    const step = next();
    gathering.due.reject(new Error('the flow has failed'));
    await expect(step).rejects.toThrow('the flow has failed');
  });

  it('rejects with what the source fails with, and with what the wait for room fails with', async () => {
    const failure = new Error('the source is gone');
    const failing = start(1);
    failing.emission.room = Promise.withResolvers<void>();
    const step = failing.next();
    failing.source.fail(failure);
    await expect(step).rejects.toBe(failure);

    const refused = start(1);
    refused.emission.room = Promise.withResolvers<void>();
    const other = refused.next();
    refused.emission.room.reject(failure);
    await expect(other).rejects.toBe(failure);
  });

  it(`keeps the order of events and takes every step, whatever comes when, ${SCALE.note}`, async () => {
    const random = createSimRandom(SCALE.seed);
    const { source, emission, next } = start(100);
    const events: string[] = [];
    let emitted = 0;
    while (emitted < 100 || events.length < 100) {
      source.isEager = random.fraction() < 0.3;
      if (random.fraction() < 0.3) emission.room = Promise.withResolvers<void>();
      const { room } = emission;
      const step = next();
      if (random.fraction() < 0.5) await settle(1);
      emission.room = undefined;
      room?.resolve();
      source.give();
      const taken = text(await step);
      if (taken === 'emission') emission.left = 100 - (emitted += 1);
      else events.push(taken);
    }
    expect(events).toEqual(events.map((_, index) => `event ${index + 1}`));
    expect(emitted).toBe(100);
  });
});
