// What is left after a session that was interrupted: outputs and positions that fit together.

import { expect, it } from '@jest/globals';
import type { ConnectorSupports, Session } from '@pulses/connector-api';
import { isPulsesError } from '@pulses/shared-errors';
import { commitOf, failureOf, messages, readMessages, readToTheEnd, reopen } from './session-probe';
import type { ConnectorSuite } from './suite';

const COMMITS = 30;
const ANSWERED_MIN = 3;

export function describeInterruptions(suite: ConnectorSuite, supports: ConnectorSupports): void {
  const lineOf = (round: number): string => `line ${round}`;

  /** Commits one line after the other without waiting; `answered` counts those that are known to be stored. */
  const commitMany = (session: Session, tenant: string) => {
    const counts = { answered: 0 };
    const answers = Array.from({ length: COMMITS }, async (_, round) => {
      await session.commit(commitOf([tenant], lineOf(round), { offset: round, metadata: '' }));
      counts.answered += 1;
    });
    const all = Promise.allSettled(answers);
    return { counts, some: answers[ANSWERED_MIN - 1] as Promise<void>, all };
  };

  /** Expects that exactly the commits below the position are stored, and all that were answered. */
  const expectWhole = async (tenant: string, answered: number): Promise<void> => {
    const session = await reopen(suite.another(), suite.topic, suite.signal);
    const position = session.positions.get('grouped');
    const stored = position === undefined ? 0 : position.offset + 1;
    expect(stored).toBeGreaterThanOrEqual(answered);
    const lines = await suite.harness.output(suite.topic, { kind: 'grouped', tenant });
    const expected = Array.from({ length: stored }, (_, round) => lineOf(round));
    expect(supports.atomicCommit ? lines : lines.slice(0, stored)).toEqual(expected);
    await session.commit(commitOf([tenant], 'behind', { offset: COMMITS, metadata: '' }));
    expect((await suite.harness.output(suite.topic, { kind: 'grouped', tenant })).at(-1)).toBe('behind');
  };

  it.each([
    ['its connections are cut', () => suite.harness.cutConnections()],
    ['the system crashes and starts again', () => suite.harness.restart()],
  ])('stores each commit under way completely or not at all when %s', async (_, interrupt) => {
    const tenant = `uncertain-${suite.topic}`;
    const session = await suite.openOnFilled();
    const ended = failureOf(readToTheEnd(session.read(session.startOffset)));
    const { counts, some, all } = commitMany(session, tenant);
    await some;
    await interrupt();
    await all;
    expect(isPulsesError(await ended)).toBe(true);
    await expect(session.commit(commitOf([tenant], 'late', { offset: 0, metadata: '' }))).rejects.toThrow();
    await session.close();
    await expectWhole(tenant, counts.answered);
  });

  it('settles whatever is under way when a busy session closes, and stores the whole of each commit or nothing', async () => {
    const tenant = `busy-${suite.topic}`;
    const session = await suite.openOnFilled();
    const ended = failureOf(readToTheEnd(session.read(session.startOffset)));
    const { counts, some, all } = commitMany(session, tenant);
    await some;
    const publishing = suite.harness.publish(suite.topic, messages('one more'));
    await session.close();
    await all;
    await publishing;
    expect(isPulsesError(await ended)).toBe(true);
    await expectWhole(tenant, counts.answered);
  });

  it('keeps messages, offsets, times and positions over a crash of the system, and its time never falls', async () => {
    const texts = ['m0', 'm1', '\x00\xfe binary'];
    await suite.harness.publish(suite.topic, messages(...texts.slice(0, 2)));
    await suite.harness.skipOffsets(suite.topic);
    await suite.harness.publish(suite.topic, messages(...texts.slice(2)));
    const session = await suite.open();
    const { messages: before, head } = await readMessages(session.read(session.startOffset), 3);
    await session.commit(commitOf([`kept-${suite.topic}`], 'line', { offset: head.nextOffset, metadata: 'kept' }));
    await suite.harness.restart();
    await session.close();

    const next = await reopen(suite.another(), suite.topic, suite.signal);
    expect(next.source).toEqual(session.source);
    expect([...next.positions]).toEqual([['grouped', { offset: head.nextOffset, metadata: 'kept' }]]);
    await suite.harness.publish(suite.topic, messages('after'));
    const { messages: after } = await readMessages(next.read(next.startOffset), 4);
    expect(after.slice(0, 3)).toEqual(before);
    expect(after[3]?.text).toBe('after');
    expect(after[3]?.timestampMs).toBeGreaterThanOrEqual(head.clockMs);
  });
}
