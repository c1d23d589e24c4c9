import { describe, expect, it } from '@jest/globals';
import { settle } from '@pulses/testing-sim';
import type { Journal } from '../journal/journal';
import { CommitQueue, type Room } from './commit-queue';
import type { Staging } from './staging';

/** A queue over a journal that takes nothing, as the requests of this spec write nothing. */
function queueWith(room: () => Room, beginGroup: () => void = () => undefined): CommitQueue {
  const nothing = (): void => undefined;
  return new CommitQueue({
    journal: { stagedBytes: 0, prepare: () => Promise.resolve() } as unknown as Journal,
    staging: { begin: beginGroup, frames: [] } as unknown as Staging,
    clock: { hold: () => 1, now: () => 1, release: nothing },
    groupBytesMax: 1,
    pendingBytesMax: 10_000,
    syncsEachGroup: true,
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

  it('makes one group of what a turn of the event loop brings, also by several callbacks', async () => {
    let groups = 0;
    const queue = queueWith(
      () => 'free',
      () => {
        groups += 1;
      },
    );
    const requests: Promise<unknown>[] = [];
    const enqueue = (): void => {
      requests.push(queue.enqueue({ payloadBytes: 0, isAlone: false, isRead: false, stage: () => () => undefined }));
    };
    for (let callback = 0; callback < 3; callback += 1) setImmediate(enqueue);
    await settle();
    expect([requests.length, groups]).toEqual([3, 1]);
    await Promise.all(requests);
    await queue.close();
  });

  it('lets the event loop turn between groups that wait for nothing', async () => {
    let [groups, groupsAtTurn] = [0, 0];
    const queue = queueWith(
      () => 'free',
      () => {
        groups += 1;
        if (groups === 1)
          setImmediate(() => {
            groupsAtTurn = groups;
          });
      },
    );
    const stage = () => () => undefined;
    const one = { payloadBytes: 0, isAlone: true, isRead: false, stage };
    await Promise.all(Array.from({ length: 19 }, () => queue.enqueue(one)));
    expect([groups, groupsAtTurn]).toEqual([19, 16]);
    await queue.close();
  });
});
