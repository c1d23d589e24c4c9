import { describe, expect, it } from '@jest/globals';
import { createSimClock } from '@pulses/testing-sim';
import { OpeningQueue, type Opening, type OpeningQueueOptions } from './opening-queue';

const OPTIONS: OpeningQueueOptions = { perSecond: 10, burst: 3, restMs: 500, restMsMax: 2_000 };

function start(options: Partial<OpeningQueueOptions> = {}) {
  const clock = createSimClock();
  const queue = new OpeningQueue(clock, { ...OPTIONS, ...options });
  const begun: string[] = [];
  const openings: Opening[] = [];
  const evicted: string[] = [];
  const begin = (name: string, address = 'peer') =>
    queue.begin(address, {
      start: (opening) => {
        begun.push(name);
        openings.push(opening);
      },
      evict: () => evicted.push(name),
    });
  return { clock, queue, begun, evicted, openings, begin };
}

describe('the queue of new connections', () => {
  it('lets a burst begin at once and the others one after the other, in order', async () => {
    const { clock, begun, begin } = start();
    for (const name of ['0', '1', '2', '3', '4', '5']) begin(name);
    expect(begun).toEqual(['0', '1', '2']);
    await clock.advance(99);
    expect(begun).toEqual(['0', '1', '2']);
    await clock.advance(1);
    expect(begun).toEqual(['0', '1', '2', '3']);
    await clock.advance(200);
    expect(begun).toEqual(['0', '1', '2', '3', '4', '5']);
    expect(clock.timerCount).toBe(0);
  });

  it('starts all that wait when it is closed, and leaves no timer', async () => {
    const { clock, queue, begun, openings, begin } = start({ burst: 1 });
    for (const name of ['0', '1', '2', '3', '4']) begin(name);
    openings[0]?.penalize();
    queue.close();
    for (const opening of openings) opening.end();
    expect(clock.timerCount).toBe(0);
    expect(begun).toHaveLength(5);
    await clock.advance(1_000);
    expect([begun.length, queue.waitingCount, clock.timerCount]).toEqual([5, 0, 0]);
  });

  it('saves up no more than the burst', async () => {
    const { clock, begun, begin } = start({ burst: 2 });
    await clock.advance(60_000);
    for (const name of ['0', '1', '2', '3', '4']) begin(name);
    expect(begun).toEqual(['0', '1']);
  });

  it('opens a connection within a second while another address opens 700 in each second', async () => {
    const { clock, begun, begin, queue } = start({ perSecond: 500, burst: 8 });
    for (let ms = 0; ms < 10_000; ms += 10) {
      for (let count = 0; count < 7; count += 1) begin('flood', '10.0.0.1');
      await clock.advance(10);
    }
    expect(queue.waitingCount).toBeGreaterThan(1_000);
    begin('fresh', '10.0.0.2');
    await clock.advance(10);
    expect(begun).toContain('fresh');
  });

  it('lets peers take turns', async () => {
    const { clock, begun, begin } = start({ burst: 1 });
    for (const name of ['a1', 'a2', 'a3', 'a4']) begin(name, 'a');
    for (const name of ['b1', 'b2']) begin(name, 'b');
    await clock.advance(1_000);
    expect(begun).toEqual(['a1', 'a2', 'b1', 'a3', 'b2', 'a4']);
  });

  it('makes room at the expense of the peer with the most, oldest first, started or not', async () => {
    const { clock, queue, begun, evicted, begin } = start({ burst: 1 });
    for (const name of ['a1', 'a2', 'a3', 'a4']) begin(name, 'a');
    for (const name of ['b1', 'b2']) begin(name, 'b');
    expect([queue.makeRoomFor('c'), queue.makeRoomFor('c')]).toEqual([true, true]);
    expect([evicted, begun]).toEqual([['a1', 'a2'], ['a1']]);
    // Now a and b have two each.
    begin('c1', 'c');
    expect([queue.makeRoomFor('c'), queue.makeRoomFor('a'), queue.waitingCount]).toEqual([false, false, 5]);
    await clock.advance(1_000);
    expect(begun).toEqual(['a1', 'a3', 'b1', 'c1', 'a4', 'b2']);
  });

  it('forgets a peer whose last opening was evicted, and takes the end of an evicted one', () => {
    const { queue, openings, evicted, begin } = start();
    for (const name of ['a1', 'a2']) begin(name, 'a');
    expect(queue.makeRoomFor('b')).toBe(true);
    openings[0]?.end();
    openings[1]?.end();
    expect([evicted, queue.peerCount]).toEqual([['a1'], 0]);
  });

  it('lets a peer rest after wrong tokens, longer after each, and no other', async () => {
    const { clock, begun, openings, begin } = start({ burst: 10 });
    begin('guess');
    openings[0]?.penalize();
    expect(openings[0]?.isResting).toBe(true);
    begin('next');
    begin('other', 'other');
    expect(begun).toEqual(['guess', 'other']);
    await clock.advance(499);
    expect(begun).toEqual(['guess', 'other']);
    await clock.advance(1);
    expect(begun).toEqual(['guess', 'other', 'next']);
    expect(openings[0]?.isResting).toBe(false);

    for (let guess = 0; guess < 100; guess += 1) openings[2]?.penalize();
    begin('late');
    await clock.advance(1_999);
    expect(begun).not.toContain('late');
    await clock.advance(1);
    expect(begun).toContain('late');
  });

  it('takes turns among peers whose rest is over as among others', async () => {
    const { clock, begun, openings, begin } = start({ burst: 1, perSecond: 1 });
    begin('guess', 'a');
    openings[0]?.penalize();
    await clock.advance(500);
    for (const name of ['a1', 'a2']) begin(name, 'a');
    for (const name of ['b1', 'b2']) begin(name, 'b');
    await clock.advance(4_000);
    expect(begun).toEqual(['guess', 'a1', 'b1', 'a2', 'b2']);
  });

  it('wakes up for the peer whose rest ends first', async () => {
    const { clock, begun, openings, begin } = start({ burst: 10 });
    begin('guess a', 'a');
    begin('guess b', 'b');
    for (const guess of [openings[0], openings[0], openings[1]]) guess?.penalize();
    begin('a', 'a');
    begin('b', 'b');
    await clock.advance(500);
    expect(begun).toEqual(['guess a', 'guess b', 'b']);
    await clock.advance(500);
    expect(begun).toEqual(['guess a', 'guess b', 'b', 'a']);
  });

  it('leaves no timer of a peer that rests and has gone when it is closed', () => {
    const { clock, queue, openings, begin } = start();
    begin('guess');
    openings[0]?.penalize();
    openings[0]?.end();
    expect(clock.timerCount).toBe(1);
    queue.close();
    expect(clock.timerCount).toBe(0);
  });

  it('forgets peers that have gone', async () => {
    const { clock, queue, openings, begin } = start({ burst: 100 });
    for (let peer = 0; peer < 50; peer += 1) begin('x', `peer ${peer}`);
    openings[0]?.penalize();
    for (const opening of openings) opening.end();
    expect(queue.peerCount).toBe(1);
    await clock.advance(500);
    expect([queue.peerCount, clock.timerCount]).toEqual([0, 0]);
  });
});
