import { describe, expect, it } from '@jest/globals';
import type { BrokerLog, CommitRequest } from '@pulses/broker-log-api';
import { NEW_TOPIC_ID, payloadOf, TOPICS_PER_COMMIT_MAX, type TopicColumns } from '@pulses/broker-wire';
import type { BrokerLogFactory } from './harness';
import { append, change, codeOf, joinGroup, namesOf, positionsOf, publish, textsOf, type TestGroup } from './probe';

type Row = readonly [id: number, ...messages: string[]];

function rowsOf(rows: readonly Row[], newTopics: readonly string[] = []): TopicColumns {
  const texts = rows.map(([, ...messages]) => messages.map((message) => `${message}\n`).join(''));
  return {
    newTopics,
    topicIds: Uint32Array.from(rows, ([id]) => id),
    counts: Uint32Array.from(rows, ([, ...messages]) => messages.length),
    lengths: Uint32Array.from(texts, (text) => Buffer.byteLength(text)),
    ...payloadOf(Buffer.from(texts.join(''))),
  };
}

/** Ids of topics that are made with one message each, '0'. */
async function idsOf(log: BrokerLog, group: TestGroup, ...names: readonly string[]): Promise<number[]> {
  const { newTopicIds } = await log.commit(group.request([], ...names.map((name) => append(name, '0'))));
  return [...newTopicIds];
}

export function describeColumns(start: BrokerLogFactory): void {
  describe('the columns of a commit', () => {
    it('name a topic by its id or by its name, in rows of any order, and the answer tells the ids of names', async () => {
      const { log, settle } = await start();
      const group = await joinGroup(log, 'g', 'source');
      const [x = 0] = await idsOf(log, group, 'x');
      const rows: Row[] = [
        [x, '1', '2'],
        [NEW_TOPIC_ID + 1, 'a'],
        [NEW_TOPIC_ID, 'b', 'c'],
        [x, '3'],
      ];
      const request = { ...group.request([change('p', 0, 1)]), ...rowsOf(rows, ['y', 'z']) };
      const [y = 0, z = 0] = (await log.commit(request)).newTopicIds;
      await log.commit({
        ...group.request([]),
        ...rowsOf([
          [z, 'd'],
          [y, 'e'],
        ]),
      });
      expect([
        ...(await log.commit({ ...group.request([]), ...rowsOf([[NEW_TOPIC_ID, 'f']], ['z']) })).newTopicIds,
      ]).toEqual([z]);
      const seen = () => Promise.all(['x', 'y', 'z'].map((name) => textsOf(log, name)));
      const expected = [
        ['0', '1', '2', '3'],
        ['b', 'c', 'e'],
        ['a', 'd', 'f'],
      ];
      expect(await seen()).toEqual(expected);
      await settle();
      expect(await seen()).toEqual(expected);
      expect(await positionsOf(log, 'g', 'source')).toMatchObject([{ name: 'p', revision: 1 }]);
    });

    it.each<[string, string, (x: number) => Partial<CommitRequest>]>([
      ['a checksum that is another one', 'PROTOCOL_VIOLATION', () => ({ payloadCrc: 1 })],
      ['fewer messages than a row says', 'PROTOCOL_VIOLATION', () => ({ counts: Uint32Array.of(3) })],
      ['more messages than a row says', 'PROTOCOL_VIOLATION', () => ({ counts: Uint32Array.of(1) })],
      ['columns of several lengths', 'PROTOCOL_VIOLATION', () => ({ counts: Uint32Array.of(2, 1) })],
      ['a payload that is longer than its rows', 'PROTOCOL_VIOLATION', () => ({ lengths: Uint32Array.of(2) })],
      ['rows that are longer than the payload', 'PROTOCOL_VIOLATION', () => ({ lengths: Uint32Array.of(5) })],
      ['a row that ends within a message', 'PROTOCOL_VIOLATION', (x) => rowsOf([[x, '1', '22']])],
      ['a row without a message', 'PROTOCOL_VIOLATION', (x) => rowsOf([[x]])],
      ['an empty message', 'PROTOCOL_VIOLATION', (x) => rowsOf([[x, '']])],
      ['names that no row is about', 'PROTOCOL_VIOLATION', () => ({ newTopics: ['a', 'b'] })],
      ['a name that is not valid', 'TOPIC_INVALID', () => rowsOf([[NEW_TOPIC_ID, '1']], ['a\n'])],
      ['an id that no topic has', 'TOPIC_UNKNOWN', (x) => rowsOf([[x + 1_000, '1']])],
      ['a name that was not sent', 'TOPIC_UNKNOWN', () => rowsOf([[NEW_TOPIC_ID, '1']])],
      [
        'an id without a topic beside a new one',
        'TOPIC_UNKNOWN',
        () =>
          rowsOf(
            [
              [NEW_TOPIC_ID, '1'],
              [77_777, '1'],
            ],
            ['y'],
          ),
      ],
    ])('are refused as a whole: %s with %s', async (what, code, change) => {
      const { log } = await start();
      const group = await joinGroup(log, 'g', 'source');
      const [x = 0] = await idsOf(log, group, 'x');
      const changed = change(x);
      // Two messages, of which the row holds one and a half.
      const isCut = what === 'a row that ends within a message';
      const request = { ...group.request([]), ...rowsOf([[x, '1', '2']]), ...changed };
      expect(await codeOf(log.commit({ ...request, ...(isCut ? { lengths: Uint32Array.of(3) } : {}) }))).toBe(code);
      expect(namesOf(log)).toEqual(['source', 'x']);
      expect(await textsOf(log, 'x')).toEqual(['0']);
    });

    it('may name a topic twice, and one that no row is about, which is made too while there is room', async () => {
      const { log } = await start({ topicsMax: 4 });
      const group = await joinGroup(log, 'g', 'source');
      const rows: Row[] = [
        [NEW_TOPIC_ID + 1, '1'],
        [NEW_TOPIC_ID, '2'],
        [NEW_TOPIC_ID + 1, '3'],
      ];
      const named = (...names: readonly string[]) => log.commit({ ...group.request([]), ...rowsOf(rows, names) });
      const { newTopicIds } = await named('x', 'x', 'y');
      expect(newTopicIds[0]).toBe(newTopicIds[1]);
      expect(await textsOf(log, 'x')).toEqual(['1', '2', '3']);
      expect(log.topic('y')).toMatchObject({ nextOffset: 0 });
      expect(await codeOf(named('x', 'z', 'w'))).toBe('OVERLOADED');
      expect(namesOf(log)).toEqual(['source', 'x', 'y']);
    });

    it('are refused above TOPICS_PER_COMMIT_MAX rows', async () => {
      const { log } = await start();
      const group = await joinGroup(log, 'g', 'source');
      const [x = 0] = await idsOf(log, group, 'x');
      const rows = TOPICS_PER_COMMIT_MAX + 1;
      const column = (value: number) => new Uint32Array(rows).fill(value);
      const columns = { newTopics: [], topicIds: column(x), counts: column(1), lengths: column(2) };
      const request = { ...group.request([]), ...columns, ...payloadOf(Buffer.from('1\n'.repeat(rows))) };
      expect(await codeOf(log.commit(request))).toBe('PROTOCOL_VIOLATION');
    });

    it('never reach a topic of the same name that was made later', async () => {
      const { log } = await start();
      const group = await joinGroup(log, 'g', 'source');
      const [x = 0] = await idsOf(log, group, 'x');
      const byId = (): Promise<string> => codeOf(log.commit({ ...group.request([]), ...rowsOf([[x, 'stale']]) }));
      const calls = [log.deleteTopics(['x']), byId(), log.createTopic('x'), byId()] as const;
      expect([(await Promise.all(calls))[1], await calls[3]]).toEqual(['TOPIC_UNKNOWN', 'TOPIC_UNKNOWN']);
      const [again = 0] = await idsOf(log, group, 'x');
      expect(again).not.toBe(x);
      expect(await byId()).toBe('TOPIC_UNKNOWN');
      expect(await textsOf(log, 'x')).toEqual(['0']);
    });

    it('count with what is under way, before and behind them', async () => {
      const { log } = await start();
      const group = await joinGroup(log, 'g', 'source');
      const [x = 0] = await idsOf(log, group, 'x');
      const calls = [
        publish(log, 'x', ['1']),
        log.commit({ ...group.request([]), ...rowsOf([[x, '2', '3']]) }),
        publish(log, 'x', ['4']),
      ] as const;
      expect((await calls[2]).baseOffset).toBe(4);
      await Promise.all(calls);
      expect(await textsOf(log, 'x')).toEqual(['0', '1', '2', '3', '4']);
    });

    it('count as messages of the source when a row is about it, by name and by id', async () => {
      const { log } = await start();
      const group = await joinGroup(log, 'g', 'source');
      const end = log.topic('source')?.nextOffset ?? 0;
      const byName = { ...group.request([change('p', 0, end + 1)]), ...rowsOf([[NEW_TOPIC_ID, '1']], ['source']) };
      const [source = 0] = (await log.commit(byName)).newTopicIds;
      const byId = (offset: number) => ({
        ...group.request([change('p', 1, offset)]),
        ...rowsOf([[source, '1', '2']]),
      });
      expect(await codeOf(log.commit(byId(end + 4)))).toBe('OFFSET_OUT_OF_RANGE');
      expect(await codeOf(log.commit(byId(end + 3)))).toBe('stored');
    });
  });

  describe('the checksum of an append', () => {
    it('is refused with PROTOCOL_VIOLATION when the payload is another one', async () => {
      const { log } = await start();
      const request = append('a', '1');
      const { payloadCrc } = payloadOf(request.payload);
      expect(await codeOf(log.append({ ...request, payloadCrc: payloadCrc ^ 1 }))).toBe('PROTOCOL_VIOLATION');
      expect(await codeOf(log.append({ ...request, payloadCrc }))).toBe('stored');
      expect(await textsOf(log, 'a')).toEqual(['1']);
    });
  });
}
