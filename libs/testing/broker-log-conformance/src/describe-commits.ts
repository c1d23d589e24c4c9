import { describe, expect, it } from '@jest/globals';
import {
  columnsOf,
  COMMIT_MESSAGE_BYTES_MAX,
  FRAME_BYTES_MAX,
  GROUP_NAME_BYTES_MAX,
  METADATA_BYTES_MAX,
  type PositionChange,
  POSITIONS_PER_COMMIT_MAX,
  type TopicAppend,
  TOPICS_PER_COMMIT_MAX,
} from '@pulses/broker-wire';
import type { BrokerLogFactory } from './harness';
import {
  append,
  change,
  codeOf,
  joinGroup,
  namesOf,
  positionsOf,
  publish,
  readFrom,
  SOURCE_MESSAGES,
  textsOf,
} from './probe';

/** Requests that no state makes valid, and the code they get. */
const REFUSED: readonly (readonly [
  what: string,
  code: string,
  positions: readonly PositionChange[],
  appends: readonly TopicAppend[],
])[] = [
  ['a position without a name', 'PROTOCOL_VIOLATION', [change('', 0, 1)], []],
  ['a position name with a control character', 'PROTOCOL_VIOLATION', [change('a\n', 0, 1)], []],
  ['a position name too long', 'PROTOCOL_VIOLATION', [change('x'.repeat(GROUP_NAME_BYTES_MAX + 1), 0, 1)], []],
  ['a position changed twice', 'PROTOCOL_VIOLATION', [change('p', 0, 1), change('p', 1, 2)], []],
  ['a negative offset', 'PROTOCOL_VIOLATION', [change('p', 0, -1)], []],
  ['a fraction of an offset', 'PROTOCOL_VIOLATION', [change('p', 0, 0.5)], []],
  ['a negative revision', 'PROTOCOL_VIOLATION', [change('p', -1, 1)], []],
  ['metadata too long', 'PROTOCOL_VIOLATION', [change('p', 0, 1, 'x'.repeat(METADATA_BYTES_MAX + 1))], []],
  ['metadata with a lone surrogate', 'PROTOCOL_VIOLATION', [change('p', 0, 1, '\udc00')], []],
  [
    'too many positions',
    'PROTOCOL_VIOLATION',
    Array.from({ length: POSITIONS_PER_COMMIT_MAX + 1 }, (_, index) => change(`p${index}`, 0, 1)),
    [],
  ],
  ['too many topics', 'PROTOCOL_VIOLATION', [], Array<TopicAppend>(TOPICS_PER_COMMIT_MAX + 1).fill(append('x', '1'))],
  ['an append that is no message', 'PROTOCOL_VIOLATION', [], [append('x', '1'), append('y', '')]],
  ['an append to no topic', 'TOPIC_INVALID', [], [append('x', '1'), append('', '1')]],
  ['a message too long', 'MESSAGE_TOO_LARGE', [], [append('x', 'y'.repeat(COMMIT_MESSAGE_BYTES_MAX + 1))]],
  [
    'payloads too large together',
    'MESSAGE_TOO_LARGE',
    [],
    Array<TopicAppend>(4).fill(append('x', 'y'.repeat(FRAME_BYTES_MAX / 4))),
  ],
];

export function describeCommits(start: BrokerLogFactory): void {
  describe('commit', () => {
    it('stores messages of several topics and positions with one timestamp', async () => {
      const { log } = await start();
      const group = await joinGroup(log, 'g', 'source');
      const appends = [append('x', '1', '2'), append('y', '3'), append('x', '4')];
      const request = group.request([change('p', 0, 7, 'seven'), change('q', 0, 8)], ...appends);
      const { timestampMs } = await log.commit(request);
      expect(await readFrom(log, 'x', 0)).toEqual([
        { offset: 0, timestampMs, text: '1' },
        { offset: 1, timestampMs, text: '2' },
        { offset: 2, timestampMs, text: '4' },
      ]);
      expect(await readFrom(log, 'y', 0)).toEqual([{ offset: 0, timestampMs, text: '3' }]);
      const stored = { group: 'g', topic: 'source', incarnation: group.incarnation, revision: 1 };
      expect(await positionsOf(log, 'g', 'source')).toEqual([
        { ...stored, name: 'p', offset: 7, metadata: 'seven' },
        { ...stored, name: 'q', offset: 8, metadata: '' },
      ]);
    });

    it('shows all of it at once: a listener of any topic sees every other', async () => {
      const { log } = await start();
      const group = await joinGroup(log, 'g', 'source');
      const seen: unknown[] = [];
      for (const topic of ['x', 'y', 'z']) {
        log.onChange(topic, () => seen.push(['x', 'y', 'z'].map((name) => log.topic(name)?.nextOffset)));
      }
      await log.commit(group.request([], append('x', '1'), append('y', '1', '2'), append('z', '1', '2', '3')));
      expect(seen).toEqual(seen.map(() => [1, 2, 3]));
      expect(seen.length).toBeGreaterThan(0);
    });

    it.each(REFUSED)('refuses %s with %s, and stores nothing of it', async (_, code, positions, appends) => {
      const { log } = await start();
      const group = await joinGroup(log, 'g', 'source');
      const request = group.request([change('fine', 0, 1), ...positions], append('fine', '1'), ...appends);
      expect(await codeOf(log.commit(request))).toBe(code);
      expect(namesOf(log)).toEqual(['source']);
      expect(await positionsOf(log)).toEqual([]);
    });

    it('takes a message of COMMIT_MESSAGE_BYTES_MAX', async () => {
      const { log } = await start();
      const group = await joinGroup(log, 'g', 'source');
      await log.commit(group.request([], append('x', 'y'.repeat(COMMIT_MESSAGE_BYTES_MAX))));
      expect(log.topic('x')).toMatchObject({ nextOffset: 1, bytes: COMMIT_MESSAGE_BYTES_MAX + 1 });
    });

    it('refuses with OVERLOADED what would make too many topics, and stores nothing of it', async () => {
      const { log } = await start({ topicsMax: 3 });
      const group = await joinGroup(log, 'g', 'source');
      const request = group.request([change('p', 0, 1)], append('x', '1'), append('y', '1'), append('z', '1'));
      expect(await codeOf(log.commit(request))).toBe('OVERLOADED');
      expect(namesOf(log)).toEqual(['source']);
      expect(await positionsOf(log)).toEqual([]);
    });

    it('refuses a revision that is not the stored one with POSITION_CONFLICT, and stores nothing of it', async () => {
      const { log } = await start();
      const group = await joinGroup(log, 'g', 'source');
      await log.commit(group.request([change('p', 0, 5)]));
      for (const wrong of [0, 2]) {
        const request = group.request([change('new', 0, 1), change('p', wrong, 6)], append('x', '1'));
        expect(await codeOf(log.commit(request))).toBe('POSITION_CONFLICT');
      }
      expect(namesOf(log)).toEqual(['source']);
      expect(await positionsOf(log)).toMatchObject([{ name: 'p', offset: 5, revision: 1 }]);
      await log.commit(group.request([change('p', 1, 4)]));
      expect(await positionsOf(log)).toMatchObject([{ name: 'p', offset: 4, revision: 2 }]);
    });

    it('refuses a position beyond the end of its topic with OFFSET_OUT_OF_RANGE, and stores nothing of it', async () => {
      const { log } = await start();
      const group = await joinGroup(log, 'g', 'source');
      for (const offset of [SOURCE_MESSAGES + 1, SOURCE_MESSAGES + 1_000, Number.MAX_SAFE_INTEGER]) {
        const request = group.request([change('fine', 0, 1), change('p', 0, offset)], append('x', '1'));
        expect(await codeOf(log.commit(request))).toBe('OFFSET_OUT_OF_RANGE');
      }
      expect([namesOf(log), await positionsOf(log)]).toEqual([['source'], []]);
      expect(await codeOf(log.commit(group.request([change('p', 0, SOURCE_MESSAGES)])))).toBe('stored');
    });

    it('counts to the end of the topic what is under way, and the messages of the commit itself', async () => {
      const { log } = await start();
      const group = await joinGroup(log, 'g', 'source');
      const calls = [
        publish(log, 'source', ['1', '2']),
        log.commit(group.request([change('p', 0, SOURCE_MESSAGES + 2)])),
        log.commit(group.request([change('q', 0, SOURCE_MESSAGES + 3)], append('source', '3'), append('x', '1'))),
        log.commit(group.request([change('r', 0, SOURCE_MESSAGES + 4)], append('x', '1'))),
      ];
      expect(await Promise.all(calls.map(codeOf))).toEqual(['stored', 'stored', 'stored', 'OFFSET_OUT_OF_RANGE']);
      expect((await positionsOf(log)).map(({ name }) => name)).toEqual(['p', 'q']);
    });

    it('refuses with OVERLOADED what would give a group too many positions in a topic, also while others are under way', async () => {
      const { log } = await start({ positionsPerTopicMax: 3 });
      const group = await joinGroup(log, 'g', 'source');
      const other = await joinGroup(log, 'h', 'source');
      const calls = [
        log.commit(group.request([change('p', 0, 1), change('q', 0, 1)])),
        log.commit(group.request([change('r', 0, 1), change('s', 0, 1)], append('x', '1'))),
        log.commit(group.request([change('t', 0, 1)])),
        log.commit(group.request([change('u', 0, 1)])),
        log.commit(other.request([change('p', 0, 1)])),
        log.commit(group.request([change('p', 1, 2), change('t', 1, 2)])),
      ];
      const codes = await Promise.all(calls.map(codeOf));
      expect(codes).toEqual(['stored', 'OVERLOADED', 'stored', 'OVERLOADED', 'stored', 'stored']);
      expect([namesOf(log), (await positionsOf(log, 'g')).length]).toEqual([['source'], 3]);
      expect(await codeOf(log.commit(group.request([change('u', 0, 1)])))).toBe('OVERLOADED');
    });

    it('refuses with OVERLOADED what would make too many positions of all groups', async () => {
      const { log } = await start({ positionsMax: 3 });
      const [g, h] = [await joinGroup(log, 'g', 'source'), await joinGroup(log, 'h', 'other')];
      const calls = [
        log.commit(g.request([change('p', 0, 1), change('q', 0, 1)])),
        log.commit(h.request([change('p', 0, 1)])),
        log.commit(h.request([change('q', 0, 1)])),
      ];
      expect(await Promise.all(calls.map(codeOf))).toEqual(['stored', 'stored', 'OVERLOADED']);
      expect(await log.deleteGroup('g')).toBe(true);
      expect(await codeOf(log.commit(h.request([change('q', 0, 1)])))).toBe('stored');
    });

    it('takes one of two commits of the same revision, also when both are under way', async () => {
      const { log } = await start();
      const group = await joinGroup(log, 'g', 'source');
      const commit = (offset: number) => log.commit(group.request([change('p', 0, offset)], append('x', `${offset}`)));
      expect(await Promise.all([commit(1), commit(2)].map(codeOf))).toEqual(['stored', 'POSITION_CONFLICT']);
      expect(await textsOf(log, 'x')).toEqual(['1']);
    });

    it('sees the revisions of the commits before it, also while they are under way', async () => {
      const { log } = await start();
      const group = await joinGroup(log, 'g', 'source');
      const calls = [0, 1, 2].map((revision) => log.commit(group.request([change('p', revision, revision * 10)])));
      const positions = log.positions('g', 'source');
      expect(await Promise.all(calls.map(codeOf))).toEqual(['stored', 'stored', 'stored']);
      expect(await positions).toMatchObject([{ offset: 20, revision: 3 }]);
    });

    it('refuses an unknown topic, and another incarnation, with POSITION_CONFLICT', async () => {
      const { log } = await start();
      const group = await joinGroup(log, 'g', 'source');
      const unknown = { ...group.request([change('p', 0, 1)]), topic: 'absent' };
      expect(await codeOf(log.commit(unknown))).toBe('POSITION_CONFLICT');
      await log.commit(group.request([change('p', 0, 1)]));
      await log.deleteTopics(['source']);
      await log.createTopic('source');
      expect(await codeOf(log.commit(group.request([change('p', 1, 2)])))).toBe('POSITION_CONFLICT');
      expect(await positionsOf(log)).toEqual([]);
    });

    it('keeps positions apart by group, topic and name', async () => {
      const { log } = await start();
      const groups = [
        await joinGroup(log, 'g', 'source'),
        await joinGroup(log, 'h', 'source'),
        await joinGroup(log, 'i', 'other'),
      ] as const;
      for (const [at, group] of groups.entries()) await log.commit(group.request([change('p', 0, at)]));
      const found = async (group: string, topic: string) =>
        (await positionsOf(log, group, topic)).map((position) => [position.group, position.topic, position.offset]);
      expect(await found('', '')).toEqual([
        ['g', 'source', 0],
        ['h', 'source', 1],
        ['i', 'other', 2],
      ]);
      expect(await found('h', '')).toEqual([['h', 'source', 1]]);
      expect(await found('', 'source')).toHaveLength(2);
      expect(await found('h', 'other')).toEqual([]);
    });
  });

  describe('a group', () => {
    it('has epochs that rise by one from 1, its own', async () => {
      const { log } = await start();
      const epochs = await Promise.all(['g', 'g', 'h', 'g'].map((group) => log.advanceGroupEpoch(group)));
      expect(epochs).toEqual([1, 2, 1, 3]);
    });

    it('takes commits of its current epoch alone, and fences every other', async () => {
      const { log } = await start();
      const group = await joinGroup(log, 'g', 'source');
      expect(await log.advanceGroupEpoch('g')).toBe(group.epoch + 1);
      for (const groupEpoch of [0, group.epoch, group.epoch + 2]) {
        const request = { ...group.request([change('p', 0, 1)], append('x', '1')), groupEpoch };
        expect(await codeOf(log.commit(request))).toBe('FENCED');
      }
      expect(namesOf(log)).toEqual(['source']);
      expect(await codeOf(log.commit({ ...group.request([]), groupEpoch: group.epoch + 1 }))).toBe('stored');
    });

    it('is refused with OVERLOADED beyond the limit of groups, until one is deleted', async () => {
      const { log } = await start({ groupsMax: 2 });
      const groups = ['a', 'b', 'c', 'a'].map((group) => codeOf(log.advanceGroupEpoch(group, group)));
      expect(await Promise.all(groups)).toEqual(['stored', 'stored', 'OVERLOADED', 'stored']);
      expect(namesOf(log)).toEqual(['a', 'b']);
      await log.deleteGroup('a');
      expect(await codeOf(log.advanceGroupEpoch('c'))).toBe('stored');
    });

    it('keeps the order of commits and a new epoch, also while they are under way', async () => {
      const { log } = await start();
      const group = await joinGroup(log, 'g', 'source');
      const before = codeOf(log.commit(group.request([change('p', 0, 1)])));
      const epoch = log.advanceGroupEpoch('g');
      const after = codeOf(log.commit(group.request([change('p', 1, 2)])));
      expect(await Promise.all([before, epoch, after])).toEqual(['stored', group.epoch + 1, 'FENCED']);
    });

    it('is in epoch 0 before any member joined', async () => {
      const { log } = await start();
      await publish(log, 'source', ['1']);
      const incarnation = log.topic('source')?.incarnation ?? '';
      const request = { group: 'g', groupEpoch: 0, topic: 'source', incarnation, positions: [], ...columnsOf([]) };
      expect(await codeOf(log.commit(request))).toBe('stored');
      expect(await codeOf(log.commit({ ...request, groupEpoch: 1 }))).toBe('FENCED');
    });

    it.each([
      ['an empty one', ''],
      ['one with a control character', 'a\u0000'],
      ['one with a lone surrogate', '\ud800'],
      ['one too long', 'x'.repeat(GROUP_NAME_BYTES_MAX + 1)],
    ])('is refused its name with PROTOCOL_VIOLATION: %s', async (_, name) => {
      const { log } = await start();
      expect(await codeOf(log.advanceGroupEpoch(name))).toBe('PROTOCOL_VIOLATION');
    });
  });
}
