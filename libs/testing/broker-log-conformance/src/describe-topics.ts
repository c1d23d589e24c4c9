import { describe, expect, it } from '@jest/globals';
import type { BrokerLogFactory } from './harness';
import { append, change, codeOf, joinGroup, namesOf, positionsOf, publish, textsOf } from './probe';

export function describeTopics(start: BrokerLogFactory): void {
  describe('a topic', () => {
    it('is made once, empty', async () => {
      const { log } = await start();
      const made = await log.createTopic('a');
      expect(made).toEqual({
        topic: 'a',
        incarnation: expect.stringMatching(/^[0-9a-f]{32}$/),
        startOffset: 0,
        nextOffset: 0,
        bytes: 0,
        firstTimestampMs: 0,
        lastTimestampMs: 0,
      });
      await publish(log, 'a', ['1']);
      expect(await log.createTopic('a')).toEqual({ ...log.topic('a'), incarnation: made.incarnation, nextOffset: 1 });
      expect(namesOf(log)).toEqual(['a']);
    });

    it('says what it holds', async () => {
      const { log, setClock } = await start();
      setClock(1_000);
      await publish(log, 'a', ['12', '3']);
      setClock(2_000);
      await publish(log, 'a', ['4']);
      expect(log.topic('a')).toMatchObject({ startOffset: 0, nextOffset: 3, bytes: 7 });
      expect(log.topic('a')).toMatchObject({ firstTimestampMs: 1_000, lastTimestampMs: 2_000 });
    });

    it.each(['', 'a\n'])('is not made under the name %j: TOPIC_INVALID', async (name) => {
      const { log } = await start();
      expect(await codeOf(log.createTopic(name))).toBe('TOPIC_INVALID');
    });

    it('is not made beyond the number allowed: OVERLOADED', async () => {
      const { log } = await start({ topicsMax: 1 });
      await log.createTopic('a');
      expect(await codeOf(log.createTopic('b'))).toBe('OVERLOADED');
      expect(await codeOf(log.createTopic('a'))).toBe('stored');
    });

    it('is listed in the order of its name in UTF-8, by prefix, after a name and up to a limit', async () => {
      const { log } = await start();
      const names = ['b', 'a.1', 'a.2', 'a', '\u{1F600}', '\uFFFD', 'é', '__proto__'];
      for (const name of names) await log.createTopic(name);
      const sorted = [...names].sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
      const list = (prefix: string, after: string, limit: number) => {
        const { topics, more } = log.topics({ prefix, after, limit });
        return [topics.map(({ topic }) => topic), more];
      };
      expect(list('', '', 100)).toEqual([sorted, false]);
      expect(list('', '', names.length)).toEqual([sorted, false]);
      expect(list('', '', 3)).toEqual([sorted.slice(0, 3), true]);
      expect(list('a', 'a', 1)).toEqual([['a.1'], true]);
      expect(list('a.', 'a.1', 5)).toEqual([['a.2'], false]);
      expect(list('', '\uFFFD', 5)).toEqual([['\u{1F600}'], false]);
      expect(list('c', '', 5)).toEqual([[], false]);
    });

    it('goes with its messages and positions when it is deleted', async () => {
      const { log } = await start();
      const group = await joinGroup(log, 'g', 'source');
      const other = await joinGroup(log, 'g', 'other');
      const kept = { ...other.request([change('p', 0, 2)]), groupEpoch: other.epoch };
      await log.commit({ ...group.request([change('p', 0, 1)], append('x', '1')), groupEpoch: other.epoch });
      await log.commit(kept);
      expect((await log.deleteTopics(['x', 'absent', 'source', 'x'])).sort()).toEqual(['source', 'x']);
      expect([namesOf(log), log.topic('source'), log.topic('x')]).toEqual([['other'], undefined, undefined]);
      expect(await positionsOf(log)).toMatchObject([{ topic: 'other', offset: 2 }]);
      expect(await codeOf(log.read('source', group.incarnation, 0, 100))).toBe('TOPIC_UNKNOWN');
      expect(await log.advanceGroupEpoch('g')).toBe(other.epoch + 1);
    });

    it('is another one when it is made again', async () => {
      const { log } = await start();
      await publish(log, 'a', ['old', 'older']);
      const incarnation = log.topic('a')?.incarnation ?? '';
      await log.deleteTopics(['a']);
      expect(await publish(log, 'a', ['new'])).toMatchObject({ baseOffset: 0 });
      expect(log.topic('a')?.incarnation).not.toBe(incarnation);
      expect(await codeOf(log.read('a', incarnation, 0, 100))).toBe('TOPIC_UNKNOWN');
      expect(await textsOf(log, 'a')).toEqual(['new']);
    });

    it('is deleted and made again in the order of the calls', async () => {
      const { log } = await start();
      const calls = [publish(log, 'a', ['1']), log.deleteTopics(['a']), publish(log, 'a', ['2'])] as const;
      expect(await Promise.all(calls)).toMatchObject([{ baseOffset: 0 }, ['a'], { baseOffset: 0 }]);
      expect(await textsOf(log, 'a')).toEqual(['2']);
    });

    it('is deleted with every other when no name is given', async () => {
      const { log } = await start();
      for (const name of ['a', 'b', 'c']) await publish(log, name, ['1']);
      expect((await log.deleteTopics([])).sort()).toEqual(['a', 'b', 'c']);
      expect(namesOf(log)).toEqual([]);
      expect(await log.deleteTopics([])).toEqual([]);
      expect(await log.deleteTopics(['a'])).toEqual([]);
    });
  });

  describe('a listener', () => {
    it('is called when its topic is made, grows or is deleted, and sees the change', async () => {
      const { log } = await start();
      const seen: unknown[] = [];
      log.onChange('a', () => seen.push(log.topic('a')?.nextOffset ?? 'gone'));
      await log.createTopic('a');
      await publish(log, 'a', ['1', '2']);
      await publish(log, 'b', ['1']);
      const group = await joinGroup(log, 'g', 'b');
      await log.commit(group.request([], append('a', '3')));
      await log.deleteTopics(['a']);
      expect(seen).toEqual([0, 2, 3, 'gone']);
    });

    it('is called before the change is answered', async () => {
      const { log } = await start();
      const order: string[] = [];
      log.onChange('a', () => order.push('called'));
      await publish(log, 'a', ['1']).then(() => order.push('answered'));
      expect(order).toEqual(['called', 'answered']);
    });

    it('is called until it ends, each time that it was added', async () => {
      const { log } = await start();
      let calls = 0;
      const listener = (): void => {
        calls += 1;
      };
      const ends = [log.onChange('a', listener), log.onChange('a', listener)] as const;
      await publish(log, 'a', ['1']);
      expect(calls).toBe(2);
      ends[0]();
      ends[0]();
      await publish(log, 'a', ['2']);
      expect(calls).toBe(3);
      ends[1]();
      await publish(log, 'a', ['3']);
      expect(calls).toBe(3);
    });

    it('that reads what it was called for misses nothing and gets nothing twice', async () => {
      const { log } = await start();
      const { incarnation } = await log.createTopic('a');
      const read: string[] = [];
      let next = 0;
      let isReading = false;
      const pull = async (): Promise<void> => {
        if (isReading) return;
        isReading = true;
        while (next < (log.topic('a')?.nextOffset ?? 0)) {
          for (const { recordCount, payload } of await log.read('a', incarnation, next, 50)) {
            read.push(...Buffer.from(payload).toString().split('\n').slice(0, -1));
            next += recordCount;
          }
        }
        isReading = false;
      };
      const pulls: Promise<void>[] = [];
      log.onChange('a', () => pulls.push(pull()));
      const sent = Array.from({ length: 200 }, (_, index) => `message ${index}`);
      for (let at = 0; at < sent.length; at += 20) {
        await Promise.all(sent.slice(at, at + 20).map((text) => publish(log, 'a', [text])));
      }
      await Promise.all(pulls);
      expect(read).toEqual(sent);
    });
  });
}
