import { describe, expect, it } from '@jest/globals';
import type { BrokerLogFactory, BrokerLogHarness } from './harness';
import { append, change, codeOf, joinGroup, namesOf, positionsOf, publish, stamp, textsOf } from './probe';

/** A log whose disk was full may need some time to see the new room. */
const TRIES_MAX = 100;

async function storedAtLast({ settle }: BrokerLogHarness, store: () => Promise<unknown>): Promise<void> {
  for (let tries = 1; (await codeOf(store())) !== 'stored'; tries += 1) {
    if (tries === TRIES_MAX) throw new Error('the log takes nothing after its disk has room again');
    await settle();
  }
}

export function describeDisk(start: BrokerLogFactory): void {
  describe('a change that is not durable', () => {
    it('is not answered and seen by no reader; once durable it is seen before it is answered', async () => {
      const { log, holdDisk, atDisk, releaseDisk } = await start();
      await publish(log, 'a', ['1']);
      const incarnation = log.topic('a')?.incarnation ?? '';
      const events: string[] = [];
      log.onChange('a', () => events.push(`woken at ${log.topic('a')?.nextOffset}`));
      holdDisk();
      const appended = publish(log, 'a', ['2']).then(() => events.push('answered'));
      await atDisk();
      expect([events, log.topic('a')?.nextOffset, log.isCommitting]).toEqual([[], 1, true]);
      expect(await log.read('a', incarnation, 1, 100)).toEqual([]);
      expect(await codeOf(log.read('a', incarnation, 2, 100))).toBe('OFFSET_OUT_OF_RANGE');
      releaseDisk();
      await appended;
      expect([events, log.topic('a')?.nextOffset]).toEqual([['woken at 2', 'answered'], 2]);
    });

    it('is nowhere to be seen, whatever it changes', async () => {
      const { log, holdDisk, atDisk, releaseDisk } = await start();
      const group = await joinGroup(log, 'g', 'source');
      await log.commit(group.request([change('p', 0, 1)]));
      holdDisk();
      const commit = log.commit(group.request([change('p', 1, 2)], append('x', '1')));
      await atDisk();
      let isAnswered = false;
      const later = [log.createTopic('made'), log.advanceGroupEpoch('g'), log.deleteTopics(['source'])];
      const positions = positionsOf(log);
      for (const call of [...later, positions]) void call.then(() => (isAnswered = true));
      await atDisk();
      expect([namesOf(log), isAnswered]).toEqual([['source'], false]);
      releaseDisk();
      expect(await Promise.all([codeOf(commit), ...later.map(codeOf)])).toEqual(Array(4).fill('stored'));
      expect(await positions).toEqual([]);
      expect(namesOf(log)).toEqual(['made', 'x']);
    });

    it('holds the clock of the log at its timestamp', async () => {
      const { log, setClock, holdDisk, atDisk, releaseDisk } = await start();
      setClock(5_000);
      await publish(log, 'a', ['1']);
      setClock(6_000);
      holdDisk();
      const appended = publish(log, 'a', ['2']);
      await atDisk();
      setClock(9_000);
      expect(log.clockMs()).toBe(6_000);
      releaseDisk();
      expect(await appended).toMatchObject({ timestampMs: 6_000 });
      expect(log.clockMs()).toBe(9_000);
    });
  });

  describe('a full disk', () => {
    it('refuses changes with STORAGE_FULL and loses none that were answered', async () => {
      const harness = await start();
      const { log, setDiskFull } = harness;
      await publish(log, 'a', ['1']);
      setDiskFull(true);
      expect(await codeOf(publish(log, 'a', ['lost']))).toBe('STORAGE_FULL');
      expect(await codeOf(log.createTopic('lost'))).toBe('STORAGE_FULL');
      expect(await codeOf(log.advanceGroupEpoch('g'))).toBe('STORAGE_FULL');
      expect([await textsOf(log, 'a'), namesOf(log), await positionsOf(log)]).toEqual([['1'], ['a'], []]);
      setDiskFull(false);
      await storedAtLast(harness, () => publish(log, 'a', ['2']));
      expect(await textsOf(log, 'a')).toEqual(['1', '2']);
      expect(await log.advanceGroupEpoch('g')).toBe(1);
    });

    it('refuses a commit as a whole', async () => {
      const harness = await start();
      const { log, setDiskFull } = harness;
      const group = await joinGroup(log, 'g', 'source');
      const request = group.request([change('p', 0, 1)], append('x', '1'));
      setDiskFull(true);
      expect(await codeOf(log.commit(request))).toBe('STORAGE_FULL');
      setDiskFull(false);
      expect([namesOf(log), await positionsOf(log)]).toEqual([['source'], []]);
      await storedAtLast(harness, () => log.commit(request));
      expect(await textsOf(log, 'x')).toEqual(['1']);
    });

    it('answers what a producer sent behind the refused message like it, not as a gap', async () => {
      const harness = await start();
      const { log, setDiskFull } = harness;
      await publish(log, 'a', ['0'], stamp(0));
      setDiskFull(true);
      const refused = [1, 2].map((sequence) => codeOf(publish(log, 'a', [`${sequence}`], stamp(sequence))));
      expect(await Promise.all(refused)).toEqual(['STORAGE_FULL', 'STORAGE_FULL']);
      setDiskFull(false);
      expect(await codeOf(publish(log, 'a', ['2'], stamp(2)))).toBe('STORAGE_FULL');
      await storedAtLast(harness, () => publish(log, 'a', ['1'], stamp(1)));
      expect(await codeOf(publish(log, 'a', ['2'], stamp(2)))).toBe('stored');
      expect(await textsOf(log, 'a')).toEqual(['0', '1', '2']);
    });
  });

  describe('a broken disk', () => {
    it('ends the log: nothing more is answered as stored, and `failed` resolves', async () => {
      const { log, breakDisk } = await start();
      await publish(log, 'a', ['1']);
      breakDisk();
      expect(await codeOf(publish(log, 'a', ['2']))).toBe('STORAGE_FAILED');
      expect(await log.failed).toMatchObject({ code: 'STORAGE_FAILED' });
      expect(await codeOf(log.createTopic('b'))).toBe('STORAGE_FAILED');
      expect(log.topic('a')?.nextOffset).toBe(1);
    });
  });

  describe('close', () => {
    it('answers what is under way and refuses what comes after with SHUTTING_DOWN', async () => {
      const { log, close } = await start();
      const calls = ['1', '2', '3'].map((text) => codeOf(publish(log, 'a', [text])));
      const closed = close();
      calls.push(codeOf(publish(log, 'a', ['4'])), codeOf(log.createTopic('b')));
      expect(await Promise.all(calls)).toEqual(['stored', 'stored', 'stored', 'SHUTTING_DOWN', 'SHUTTING_DOWN']);
      await closed;
    });
  });
}
