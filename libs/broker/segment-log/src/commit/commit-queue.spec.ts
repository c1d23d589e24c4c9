import { describe, expect, it } from '@jest/globals';
import { settle } from '@pulses/testing-sim';
import type { Journal } from '../journal/journal';
import { CommitQueue, type Room } from './commit-queue';
import type { Staging } from './staging';

/** A queue over a journal that takes nothing, as the requests of this spec write nothing. */
function queueWith(room: () => Room): CommitQueue {
  const nothing = (): void => undefined;
  return new CommitQueue({
    journal: { stagedBytes: 0, prepare: () => Promise.resolve() } as unknown as Journal,
    staging: { begin: nothing, frames: [] } as unknown as Staging,
    clock: { hold: () => 1, now: () => 1, release: nothing },
    groupBytesMax: 1,
    pendingBytesMax: 1_000,
    onDurable: nothing,
    onFull: nothing,
    onFailed: nothing,
    room,
  });
}

describe('the queue of commits', () => {
  it('does the work that makes room before it waits for room, also when that comes from the work before', async () => {
    let room: Room = 'busy';
    const done: string[] = [];
    const queue = queueWith(() => room);
    const note = (what: string) => () => () => void done.push(what);
    const request = queue.enqueue({ payloadBytes: 0, isAlone: false, isRead: false, stage: note('request') });
    await settle();
    // As a seal is recorded, and the checkpoint follows at once.
    void queue.store(note('seal')).then(() =>
      queue.between(() => {
        done.push('checkpoint');
        room = 'free';
        return Promise.resolve();
      }),
    );
    await settle();
    expect(done).toEqual(['seal', 'checkpoint', 'request']);
    await request;
    await queue.close();
  });
});
