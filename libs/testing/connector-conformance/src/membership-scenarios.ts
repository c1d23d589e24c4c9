// Which member is active, and what ends its time.

import { describe, expect, it } from '@jest/globals';
import type { ConnectorSupports } from '@pulses/connector-api';
import { isPulsesError } from '@pulses/shared-errors';
import { commitOf, failureOf, openSession, openStandby, readMessages, readToTheEnd } from './session-probe';
import type { ConnectorSuite } from './suite';

export function describeMembership(suite: ConnectorSuite, supports: ConnectorSupports): void {
  it('rejects what is under way, and every later call, when the session closes', async () => {
    const session = await suite.open();
    const stream = session.read(session.startOffset);
    await readMessages(stream, 0);
    const ended = failureOf(readToTheEnd(stream));
    await session.close();
    expect(isPulsesError(await ended)).toBe(true);
    await expect(session.commit(commitOf(['late'], 'late', { offset: 0, metadata: '' }))).rejects.toThrow();
    await expect(session.sourceHead()).rejects.toThrow();
    await expect(session.read(session.startOffset).next()).rejects.toThrow();
  });

  it('ends every session when the connector closes, so that another member need not wait', async () => {
    const session = await suite.open();
    const ended = failureOf(readToTheEnd(session.read(session.startOffset)));
    await suite.connector.close();
    expect(isPulsesError(await ended)).toBe(true);
    await suite.open(suite.another());
  });

  it('refuses another group once the outputs of the source belong to one', async () => {
    const session = await suite.openOnFilled();
    await session.commit(commitOf(['owned'], 'line', { offset: 1, metadata: '' }));
    await session.close();
    const refusal = await failureOf(openSession(suite.another(), suite.topic, 'another-group'));
    expect(isPulsesError(refusal, 'CONFIG_INVALID')).toBe(true);
    expect((await suite.open()).positions.get('grouped')).toEqual({ offset: 1, metadata: '' });
  });

  it('opens no session when the signal has aborted already', async () => {
    const reason = new Error('too late');
    const opening = suite.connector.openSession({
      sourceTopic: suite.topic,
      group: 'conformance',
      signal: AbortSignal.abort(reason),
      onStandby: () => undefined,
    });
    await expect(opening).rejects.toBe(reason);
    await suite.open(suite.another());
  });

  if (!supports.standby) return;
  describe('with a second member', () => {
    it('keeps it waiting until the first leaves, then shows it the last commit', async () => {
      const tenant = `shared-${suite.topic}`;
      const first = await suite.openOnFilled();
      const { standby, takeover } = openStandby(suite.another(), suite.topic);
      await standby;
      await first.commit(commitOf([tenant], 'first', { offset: 3, metadata: 'm' }));
      await first.close();
      const session = await takeover;
      expect(session.positions.get('grouped')).toEqual({ offset: 3, metadata: 'm' });
      await expect(first.commit(commitOf([tenant], 'late', { offset: 4, metadata: '' }))).rejects.toThrow();
      expect(await suite.harness.output(suite.topic, { kind: 'grouped', tenant })).toEqual(['first']);
    });

    it('gives up waiting when the signal aborts', async () => {
      await suite.open();
      const abort = new AbortController();
      const reason = new Error('enough');
      const waiting = suite.another().openSession({
        sourceTopic: suite.topic,
        group: 'conformance',
        signal: abort.signal,
        onStandby: () => {
          abort.abort(reason);
        },
      });
      await expect(waiting).rejects.toBe(reason);
    });

    it('fences a member that was paused beyond its lease: its late commit is refused and leaves nothing', async () => {
      const tenant = `fenced-${suite.topic}`;
      const paused = await suite.openOnFilled(suite.another(() => suite.harness.createPausedConnector()));
      await paused.commit(commitOf([tenant], 'before', { offset: 1, metadata: '' }));
      const { takeover } = openStandby(suite.connector, suite.topic);
      const session = await takeover;
      expect(session.positions.get('grouped')).toEqual({ offset: 1, metadata: '' });
      const refusal = await failureOf(paused.commit(commitOf([tenant], 'late', { offset: 2, metadata: '' })));
      expect(isPulsesError(refusal, 'FENCED')).toBe(true);
      await session.commit(commitOf([tenant], 'after', { offset: 3, metadata: '' }));
      expect(await suite.harness.output(suite.topic, { kind: 'grouped', tenant })).toEqual(['before', 'after']);
    });
  });
}
