// The behaviours that every connector shows, over a real system. A scenario is left out only through `supports`.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Connector, ConnectorSupports, Session } from '@pulses/connector-api';
import { isPulsesError } from '@pulses/shared-errors';
import type { ConnectorHarness } from './harness';
import { commitOf, messages, openSession, readMessages } from './session-probe';

/**
 * Declares the suite.
 *
 * @param name the adapter, for the title
 * @param start brings up a system with nothing stored
 * @param supports what the adapter declares; compared with the connector's own manifest
 */
export function describeConnector(
  name: string,
  start: () => Promise<ConnectorHarness>,
  supports: ConnectorSupports,
): void {
  describe(`the ${name} connector`, () => {
    let harness: ConnectorHarness;
    let connector: Connector;
    let topic: string;
    let topics = 0;
    const sessions: Session[] = [];

    const open = async (from: Connector = connector): Promise<Session> => {
      const session = await openSession(from, topic);
      sessions.push(session);
      return session;
    };

    beforeAll(async () => {
      harness = await start();
    });
    beforeEach(() => {
      topics += 1;
      topic = `source.conformance-${topics}`;
      connector = harness.createConnector();
    });
    afterEach(async () => {
      await Promise.all(sessions.splice(0).map((session) => session.close()));
      await connector.close();
    });
    afterAll(async () => {
      await harness.close();
    });

    it('declares what it supports', () => {
      expect(connector.supports).toEqual(supports);
    });

    it('makes a source that does not exist, empty and without positions', async () => {
      const session = await open();
      expect(session.source.topic).toBe(topic);
      expect(session.source.incarnation).toMatch(/^[0-9a-f]{32}$/);
      expect(session.positions.size).toBe(0);
      const { messages: none, head } = await readMessages(session.read(session.startOffset), 0);
      expect(none).toEqual([]);
      expect(head.nextOffset).toBe(session.startOffset);
    });

    it('hands out every message in order, byte for byte, with rising offsets and times that never fall', async () => {
      const texts = ['a', '\x00\x01\xff', ' spaces ', '{"x":1}', 'é'.repeat(1000), 'z'.repeat(1_200_000)];
      await harness.publish(topic, messages(...texts.slice(0, 3)));
      await harness.publish(topic, messages(...texts.slice(3)));
      const session = await open();
      const { messages: read, head } = await readMessages(session.read(session.startOffset), texts.length);
      expect(read.map(({ text }) => text)).toEqual(texts);
      const offsets = read.map(({ offset }) => offset);
      expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
      const times = read.map(({ timestampMs }) => timestampMs);
      expect(times).toEqual([...times].sort((a, b) => a - b));
      expect(head.nextOffset).toBeGreaterThan(offsets.at(-1) ?? Infinity);
      expect(head.clockMs).toBeGreaterThanOrEqual(times.at(-1) ?? Infinity);
    });

    it('tells the head of the source', async () => {
      const session = await open();
      const before = await session.sourceHead();
      await harness.publish(topic, messages('m0', 'm1'));
      const { head } = await readMessages(session.read(session.startOffset), 2);
      expect(await session.sourceHead()).toBe(head.nextOffset);
      expect(before).toBe(session.startOffset);
    });

    it('starts in the middle of a stored run', async () => {
      await harness.publish(topic, messages('m0', 'm1', 'm2', 'm3', 'm4'));
      const session = await open();
      const first = session.read(session.startOffset);
      const { messages: all } = await readMessages(first, 5);
      first.close();
      const third = all[2];
      if (third === undefined) throw new Error('five messages were published');
      const { messages: rest } = await readMessages(session.read(third.offset), 3);
      expect(rest).toEqual(all.slice(2));
    });

    it('gives messages that come after a head no earlier time than its clock', async () => {
      const session = await open();
      const stream = session.read(session.startOffset);
      let clockMs = (await readMessages(stream, 0)).head.clockMs;
      for (let round = 0; round < 20; round += 1) {
        await harness.publish(topic, messages(`round ${round}`));
        const { messages: read, head } = await readMessages(stream, 1);
        for (const { timestampMs } of read) expect(timestampMs).toBeGreaterThanOrEqual(clockMs);
        clockMs = head.clockMs;
      }
    });

    it('moves the clock of an idle source on', async () => {
      const session = await open();
      const stream = session.read(session.startOffset);
      const first = (await readMessages(stream, 0)).head;
      let last = first;
      while (last.clockMs <= first.clockMs) last = (await readMessages(stream, 0)).head;
      expect(last.nextOffset).toBe(first.nextOffset);
    });

    it('stores outputs and positions of a commit, and shows both to the next session', async () => {
      await harness.publish(topic, messages('one', 'two'));
      const session = await open();
      await session.commit({
        grouped: [
          { tenant: 'a', recordCount: 2, payload: Buffer.from('g1\ng2\n') },
          { tenant: 'b%2Ec', recordCount: 1, payload: Buffer.from('g3\n') },
        ],
        aggregated: [{ tenant: 'a', recordCount: 1, payload: Buffer.from('s1\n') }],
        deadLetters: { recordCount: 1, payload: Buffer.from('d1\n') },
        positions: new Map([
          ['grouped', { offset: 2, metadata: '' }],
          ['windowed', { offset: 1, metadata: '{"emitted":7}' }],
        ]),
      });
      await session.close();

      const next = await open();
      expect(next.source).toEqual(session.source);
      expect(new Map(next.positions)).toEqual(
        new Map([
          ['grouped', { offset: 2, metadata: '' }],
          ['windowed', { offset: 1, metadata: '{"emitted":7}' }],
        ]),
      );
      expect(await harness.output(topic, { kind: 'grouped', tenant: 'a' })).toEqual(['g1', 'g2']);
      expect(await harness.output(topic, { kind: 'grouped', tenant: 'b%2Ec' })).toEqual(['g3']);
      expect(await harness.output(topic, { kind: 'aggregated', tenant: 'a' })).toEqual(['s1']);
      expect(await harness.output(topic, { kind: 'deadLetters' })).toEqual(['d1']);
    });

    it('stores commits that are under way together in the order of the calls', async () => {
      const session = await open();
      const tenant = `order-${topics}`;
      const rounds = Array.from({ length: 50 }, (_, round) => round);
      await Promise.all(
        rounds.map((round) =>
          session.commit(commitOf([tenant], `line ${round}`, { offset: round, metadata: `${round}` })),
        ),
      );
      await session.close();
      expect(await harness.output(topic, { kind: 'grouped', tenant })).toEqual(rounds.map((round) => `line ${round}`));
      expect((await open()).positions.get('grouped')).toEqual({ offset: 49, metadata: '49' });
    });

    it('stores a commit of a thousand tenants', async () => {
      const tenants = Array.from({ length: 1000 }, (_, index) => `wide-${topics}-${index}`);
      const session = await open();
      await session.commit(commitOf(tenants, 'line', { offset: 0, metadata: '' }));
      for (const tenant of [tenants[0], tenants[500], tenants[999]])
        expect(await harness.output(topic, { kind: 'grouped', tenant: tenant ?? '' })).toEqual(['line']);
    });

    it('rejects what is under way when the session closes', async () => {
      const session = await open();
      const stream = session.read(session.startOffset);
      await readMessages(stream, 0);
      const drained = (async () => {
        for (;;) await stream.next();
      })();
      await session.close();
      await expect(drained).rejects.toThrow();
      await expect(session.commit(commitOf(['late'], 'late', { offset: 0, metadata: '' }))).rejects.toThrow();
    });

    it('ends a session whose source is deleted, and starts the new source with nothing', async () => {
      await harness.publish(topic, messages('old'));
      const session = await open();
      await session.commit(commitOf(['gone'], 'old line', { offset: 1, metadata: '' }));
      const stream = session.read(session.startOffset);
      await readMessages(stream, 1);
      const ended = (async () => {
        for (;;) await stream.next();
      })().catch((error: unknown) => error);
      await harness.deleteSource(topic);
      const failure = await ended;
      expect(isPulsesError(failure, 'TOPIC_UNKNOWN')).toBe(true);
      await session.close();

      const next = await open();
      expect(next.source.incarnation).not.toBe(session.source.incarnation);
      expect(next.positions.size).toBe(0);
    });

    if (!supports.standby) return;
    describe('with a second member', () => {
      it('keeps it waiting until the first leaves, then shows it the last commit', async () => {
        const first = await open();
        const second = harness.createConnector();
        let waiting: () => void = () => undefined;
        const standby = new Promise<void>((resolve) => {
          waiting = resolve;
        });
        const takeover = second.openSession({
          sourceTopic: topic,
          group: 'conformance',
          signal: new AbortController().signal,
          onStandby: () => {
            waiting();
          },
        });
        await standby;
        await first.commit(commitOf(['shared'], 'first', { offset: 3, metadata: 'm' }));
        await first.close();
        const session = await takeover;
        sessions.push(session);
        expect(session.positions.get('grouped')).toEqual({ offset: 3, metadata: 'm' });
        await expect(first.commit(commitOf(['shared'], 'late', { offset: 4, metadata: '' }))).rejects.toThrow();
        expect(await harness.output(topic, { kind: 'grouped', tenant: 'shared' })).not.toContain('late');
        await session.close();
        await second.close();
      });

      it('gives up waiting when the signal aborts', async () => {
        await open();
        const second = harness.createConnector();
        const abort = new AbortController();
        const reason = new Error('enough');
        const waiting = second.openSession({
          sourceTopic: topic,
          group: 'conformance',
          signal: abort.signal,
          onStandby: () => {
            abort.abort(reason);
          },
        });
        await expect(waiting).rejects.toBe(reason);
        await second.close();
      });
    });
  });
}
