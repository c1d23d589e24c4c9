// Sources of several partitions: each is a log of its own, and the members of a group share them.

import { describe, expect, it } from '@jest/globals';
import type { Connector, Session } from '@pulses/connector-api';
import { Condition } from '@pulses/shared-async';
import { isPulsesError } from '@pulses/shared-errors';
import type { GroupMember } from './group-member';
import { commitOf, failureOf, messages, openSession, readMessages, readToTheEnd, turn } from './session-probe';
import type { ConnectorSuite } from './suite';

const PARTITIONS = 4;
/** Messages that a member commits before the next change. */
const SHARE = 10;
/** Messages that wait for a member; more than commits whose answer was lost. */
const BEHIND_MAX = 50;

export function describePartitions(suite: ConnectorSuite): void {
  const createSource = async (): Promise<void> => {
    const { harness, topic } = suite;
    if (harness.createPartitions === undefined) throw new TypeError('the harness makes no partitions');
    await harness.createPartitions(topic, PARTITIONS);
  };
  const openAll = async (connector: Connector = suite.connector): Promise<Session[]> => {
    const sessions: Session[] = [];
    while (sessions.length < PARTITIONS) sessions.push(await openSession(connector, suite.topic));
    return sessions.sort((left, right) => numberOf(left) - numberOf(right));
  };
  /** A call that waits for a further partition. */
  const waitForOne = (connector: Connector, signal: AbortSignal): Promise<Session> =>
    connector.openSession({ sourceTopic: suite.topic, group: 'conformance', signal, onStandby: () => undefined });

  describe('with several partitions', () => {
    it('answers a session for each, with an incarnation of its own, and then waits', async () => {
      await createSource();
      const sessions = await openAll();
      expect(sessions.map(numberOf)).toEqual([0, 1, 2, 3]);
      expect(new Set(sessions.map(({ source }) => source.incarnation)).size).toBe(PARTITIONS);
      for (const { source } of sessions) expect(source.incarnation).toMatch(/^[0-9a-f]{32}$/);
      const abort = new AbortController();
      const reason = new Error('no more');
      const further = openSession(suite.connector, suite.topic, 'conformance', abort.signal);
      await sessions[0]?.sourceHead();
      abort.abort(reason);
      await expect(further).rejects.toBe(reason);
    });

    it('keeps the messages, heads and clocks of the partitions apart', async () => {
      await createSource();
      for (let number = 0; number < PARTITIONS; number += 1)
        await suite.harness.publish(suite.topic, messages(...Array<string>(number).fill(`of ${number}`)), number);
      for (const session of await openAll()) {
        const number = numberOf(session);
        const { messages: read, head } = await readMessages(session.read(session.startOffset), number);
        expect(read.map(({ text }) => text)).toEqual(Array(number).fill(`of ${number}`));
        expect(await session.sourceHead()).toBe(head.nextOffset);
      }
    });

    it('keeps the positions of the partitions apart, and gives them to another member', async () => {
      await createSource();
      const tenant = `apart-${suite.topic}`;
      for (let number = 0; number < PARTITIONS; number += 1)
        await suite.harness.publish(suite.topic, messages('m0', 'm1', 'm2', 'm3'), number);
      const sessions = await openAll();
      await Promise.all(
        sessions.slice(1).map(async (session) => {
          const number = numberOf(session);
          await session.commit(commitOf([tenant], `${number}`, { offset: number, metadata: `p${number}` }));
        }),
      );
      await suite.connector.close();
      const positions = (await openAll(suite.another())).map((session) => session.positions.get('grouped'));
      expect(positions).toEqual([
        undefined,
        ...[1, 2, 3].map((number) => ({ offset: number, metadata: `p${number}` })),
      ]);
      const lines = await suite.harness.output(suite.topic, { kind: 'grouped', tenant });
      expect(lines.sort()).toEqual(['1', '2', '3']);
    });

    it('answers a partition again whose session has ended, and leaves the others alone', async () => {
      await createSource();
      const [first, ...others] = await openAll();
      if (first === undefined) throw new Error('there are several');
      await first.close();
      const again = await openSession(suite.connector, suite.topic);
      expect(again.source).toEqual(first.source);
      for (const session of [again, ...others])
        await session.commit(commitOf([`again-${suite.topic}`], 'line', { offset: 0, metadata: '' }));
    });

    it('ends the sessions of partitions that go to a new member with FENCED, and those alone', async () => {
      await createSource();
      const sessions = await openAll();
      const ends = sessions.map((session) => failureOf(readToTheEnd(session.read(session.startOffset))));
      const abort = new AbortController();
      // A member that waits for further partitions is one that works.
      const waiting = waitForOne(suite.connector, abort.signal).catch(() => undefined);
      const taken = await waitForOne(suite.another(), abort.signal);
      const lost = sessions[numberOf(taken)];
      expect(isPulsesError(await ends[numberOf(taken)], 'FENCED')).toBe(true);
      await expect(lost?.commit(commitOf(['late'], 'late', { offset: 0, metadata: '' }))).rejects.toThrow();
      await taken.commit(commitOf([`taken-${suite.topic}`], 'line', { offset: 0, metadata: '' }));
      abort.abort(new Error('the test is over'));
      await waiting;
    });

    it('tells each member which partitions are its own, also when they change', async () => {
      await createSource();
      const abort = new AbortController();
      const held: ReadonlySet<number>[] = [];
      const changed = new Condition();
      const join = async (number: number, connector: Connector, sessions: number): Promise<void> => {
        const open = () =>
          connector.openSession({
            sourceTopic: suite.topic,
            group: 'conformance',
            signal: abort.signal,
            onStandby: () => undefined,
            onShare: (share) => {
              expect(share.count).toBe(PARTITIONS);
              held[number] = share.held;
              changed.notifyAll();
            },
          });
        for (let count = 0; count < sessions; count += 1) {
          const session = await open();
          expect(held[number]).toContain(numberOf(session));
        }
        // A member that waits for further partitions is one that works.
        open().catch(() => undefined);
      };
      await join(0, suite.connector, PARTITIONS);
      expect(held[0]).toEqual(new Set([0, 1, 2, 3]));
      await join(1, suite.another(), 1);
      await changed.until(() => held[0]?.size === 2 && held[1]?.size === 2);
      expect(new Set([...(held[0] ?? []), ...(held[1] ?? [])]).size).toBe(PARTITIONS);
      abort.abort(new Error('the test is over'));
    });

    it('reads and commits each message once while members come, go and crash under load', async () => {
      await createSource();
      const members = new Set<GroupMember>();
      const all: GroupMember[] = [];
      const join = (): GroupMember => {
        const member = suite.member();
        members.add(member);
        all.push(member);
        return member;
      };
      const published = Array.from({ length: PARTITIONS }, () => 0);
      const publish = async (): Promise<void> => {
        for (let number = 0; number < PARTITIONS; number += 1) {
          const count = 1 + (number % 3);
          const texts = Array.from({ length: count }, (_, index) => `${number}:${(published[number] ?? 0) + index}`);
          published[number] = (published[number] ?? 0) + count;
          await suite.harness.publish(suite.topic, messages(...texts), number);
        }
      };
      /** Publishes until the member has its share; the members are never far behind. */
      const publishFor = async (member: GroupMember): Promise<void> => {
        const before = member.committed;
        while (member.committed < before + SHARE) {
          const committed = all.reduce((sum, each) => sum + each.committed, 0);
          const total = published.reduce((sum, count) => sum + count, 0);
          if (total - committed < BEHIND_MAX) await publish();
          for (const each of members) each.throwIfEnded();
          await turn();
        }
      };
      const leave = async (member: GroupMember): Promise<void> => {
        members.delete(member);
        await member.leave();
      };
      const first = join();
      await publishFor(first);
      const second = join();
      await publishFor(second);
      const third = join();
      await leave(first);
      await publishFor(third);
      await leave(second);
      await publish();
      const outputOf = (number: number): Promise<string[]> =>
        suite.harness.output(suite.topic, { kind: 'grouped', tenant: `member-${suite.topic}-${number}` });
      for (let number = 0; number < PARTITIONS; number += 1) {
        const expected = Array.from({ length: published[number] ?? 0 }, (_, index) => `${number}:${index}`);
        let lines: string[] = [];
        while (lines.length < expected.length) {
          third.throwIfEnded();
          await turn();
          lines = await outputOf(number);
        }
        expect(lines).toEqual(expected);
      }
      await leave(third);
    });
  });
}

function numberOf({ source }: Session): number {
  if (source.partition === undefined) throw new Error('the source names no partition');
  return source.partition;
}
