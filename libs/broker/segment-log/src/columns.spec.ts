import { describe, expect, it } from '@jest/globals';
import { createSimFileSystem, createSimRandom } from '@pulses/testing-sim';
import { isPulsesError } from '@pulses/shared-errors';
import { crc32 } from 'node:zlib';
import { NEW_TOPIC_ID, type ColumnarCommit } from './commit/columnar-commit';
import { publish, readMessages } from './testing/log-fixture';
import { machineOn, openOn, settled } from './testing/torture-run';
import type { SegmentLog } from './segment-log';

async function start() {
  const on = machineOn(createSimFileSystem({ seed: 1 }), createSimRandom(1));
  const log = await openOn(on, { options: {} });
  if (log === undefined) throw new Error('the power is on');
  const { incarnation } = await log.createTopic('source');
  const groupEpoch = await log.advanceGroupEpoch('g', 'source');
  const base = { group: 'g', groupEpoch, topic: 'source', incarnation, positions: [] };
  return { log, base, close: () => settled(on, log.close()) };
}

function columns(
  rows: readonly (readonly [id: number, ...messages: string[]])[],
  newTopics: readonly string[] = [],
): Pick<ColumnarCommit, 'newTopics' | 'topicIds' | 'counts' | 'lengths' | 'payload' | 'payloadCrc'> {
  const texts = rows.map(([, ...messages]) => messages.map((message) => `${message}\n`).join(''));
  const payload = Buffer.from(texts.join(''));
  return {
    newTopics,
    topicIds: Uint32Array.from(rows, ([id]) => id),
    counts: Uint32Array.from(rows, ([, ...messages]) => messages.length),
    lengths: Uint32Array.from(texts, (text) => Buffer.byteLength(text)),
    payload,
    payloadCrc: crc32(payload),
  };
}

const codeOf = async (call: Promise<unknown>): Promise<string> => {
  try {
    await call;
    return 'stored';
  } catch (error) {
    if (!isPulsesError(error)) throw error;
    return error.code;
  }
};

const idOf = (log: SegmentLog, name: string): number => log.topicId(name) ?? 0;

describe('a commit of columns', () => {
  it('makes topics, appends in the order of the rows, and tells the ids', async () => {
    const { log, base, close } = await start();
    await publish(log, 'x', ['0']);
    const rows = columns(
      [
        [idOf(log, 'x'), '1', '2'],
        [NEW_TOPIC_ID + 1, 'a'],
        [NEW_TOPIC_ID, 'b', 'c'],
        [idOf(log, 'x'), '3'],
      ],
      ['y', 'z'],
    );
    const position = { name: 'p', expectedRevision: 0, offset: 0, metadata: '' };
    const result = await log.commitColumns({ ...base, positions: [position], ...rows });
    expect([...result.newTopicIds]).toEqual([idOf(log, 'y'), idOf(log, 'z')]);
    expect(await Promise.all(['x', 'y', 'z'].map((name) => readMessages(log, name)))).toEqual([
      ['0', '1', '2', '3'],
      ['b', 'c'],
      ['a'],
    ]);
    expect(await log.positions('g', 'source')).toMatchObject([{ name: 'p', revision: 1 }]);
    const again = columns([[NEW_TOPIC_ID, 'd']], ['y']);
    expect([...(await log.commitColumns({ ...base, ...again })).newTopicIds]).toEqual([idOf(log, 'y')]);
    expect(await readMessages(log, 'y')).toEqual(['b', 'c', 'd']);
    await close();
  });

  it('is refused as a whole, and stores nothing', async () => {
    const { log, base, close } = await start();
    await publish(log, 'x', ['0']);
    const x = idOf(log, 'x');
    const good = columns([[x, '1', '2']]);
    const refused: [string, Partial<ColumnarCommit>][] = [
      ['PROTOCOL_VIOLATION', { ...good, payloadCrc: good.payloadCrc ^ 1 }],
      ['PROTOCOL_VIOLATION', { ...good, counts: Uint32Array.of(1) }],
      ['PROTOCOL_VIOLATION', { ...good, counts: Uint32Array.of(2, 1) }],
      ['PROTOCOL_VIOLATION', { ...good, lengths: Uint32Array.of(3) }],
      ['PROTOCOL_VIOLATION', { ...good, lengths: Uint32Array.of(5) }],
      ['PROTOCOL_VIOLATION', columns([[x]])],
      ['PROTOCOL_VIOLATION', columns([[x, '']])],
      ['PROTOCOL_VIOLATION', { ...good, newTopics: ['a', 'b'] }],
      ['TOPIC_INVALID', columns([[NEW_TOPIC_ID, '1']], ['a\n'])],
      ['TOPIC_UNKNOWN', columns([[x + 1_000, '1']])],
      ['TOPIC_UNKNOWN', columns([[NEW_TOPIC_ID, '1']])],
      ['FENCED', { ...good, groupEpoch: 7 }],
      ['POSITION_CONFLICT', { ...good, topic: 'absent' }],
    ];
    for (const [code, change] of refused) {
      expect(await codeOf(log.commitColumns({ ...base, ...good, ...change }))).toBe(code);
    }
    expect(log.topics({ prefix: '', after: '', limit: 10 }).topics.map(({ topic }) => topic)).toEqual(['source', 'x']);
    expect(await readMessages(log, 'x')).toEqual(['0']);
    await close();
  });

  it('counts with what is under way, before and behind it', async () => {
    const { log, base, close } = await start();
    await publish(log, 'x', ['0']);
    const calls = [
      publish(log, 'x', ['1']),
      log.commitColumns({ ...base, ...columns([[idOf(log, 'x'), '2', '3']]) }),
      publish(log, 'x', ['4']),
    ] as const;
    expect((await calls[2]).baseOffset).toBe(4);
    await Promise.all(calls);
    expect(await readMessages(log, 'x')).toEqual(['0', '1', '2', '3', '4']);
    await log.deleteTopics(['x']);
    expect(await codeOf(log.commitColumns({ ...base, ...columns([[1 + idOf(log, 'source'), '2']]) }))).toBe(
      'TOPIC_UNKNOWN',
    );
    await close();
  });
});
