// What a session stores.

import { expect, it } from '@jest/globals';
import { tenantColumns } from '@pulses/connector-api';
import { commitOf } from './session-probe';
import type { ConnectorSuite } from './suite';

export function describeStoring(suite: ConnectorSuite): void {
  it('stores outputs and positions of a commit, and shows both to the next session', async () => {
    const session = await suite.openOnFilled();
    await session.commit({
      grouped: tenantColumns([
        { tenant: 'a', recordCount: 2, payload: Buffer.from('g1\ng2\n') },
        { tenant: 'b%2Ec', recordCount: 1, payload: Buffer.from('g3\n') },
      ]),
      aggregated: tenantColumns([{ tenant: 'a', recordCount: 1, payload: Buffer.from('s1\n') }]),
      deadLetters: { recordCount: 1, payload: Buffer.from('d1\n') },
      positions: new Map([
        ['grouped', { offset: 2, metadata: '' }],
        ['windowed', { offset: 1, metadata: '{"emitted":7}' }],
      ]),
    });
    await session.close();

    const next = await suite.open();
    expect(next.source).toEqual(session.source);
    expect(new Map(next.positions)).toEqual(
      new Map([
        ['grouped', { offset: 2, metadata: '' }],
        ['windowed', { offset: 1, metadata: '{"emitted":7}' }],
      ]),
    );
    const { harness, topic } = suite;
    expect(await harness.output(topic, { kind: 'grouped', tenant: 'a' })).toEqual(['g1', 'g2']);
    expect(await harness.output(topic, { kind: 'grouped', tenant: 'b%2Ec' })).toEqual(['g3']);
    expect(await harness.output(topic, { kind: 'aggregated', tenant: 'a' })).toEqual(['s1']);
    expect(await harness.output(topic, { kind: 'deadLetters' })).toEqual(['d1']);
  });

  it('keeps a position that a later commit does not name', async () => {
    const session = await suite.openOnFilled();
    const windowed = { offset: 1, metadata: 'w' };
    await session.commit({ ...commitOf(['kept'], 'first', windowed), positions: new Map([['windowed', windowed]]) });
    await session.commit(commitOf(['kept'], 'second', { offset: 2, metadata: '' }));
    await session.close();
    expect(new Map((await suite.open()).positions)).toEqual(
      new Map([
        ['windowed', windowed],
        ['grouped', { offset: 2, metadata: '' }],
      ]),
    );
  });

  it('stores commits that are under way together in the order of the calls', async () => {
    const session = await suite.openOnFilled();
    const tenant = `order-${suite.topic}`;
    const rounds = Array.from({ length: 50 }, (_, round) => round);
    await Promise.all(
      rounds.map((round) =>
        session.commit(commitOf([tenant], `line ${round}`, { offset: round, metadata: `${round}` })),
      ),
    );
    await session.close();
    expect(await suite.harness.output(suite.topic, { kind: 'grouped', tenant })).toEqual(
      rounds.map((round) => `line ${round}`),
    );
    expect((await suite.open()).positions.get('grouped')).toEqual({ offset: 49, metadata: '49' });
  });

  it('stores a commit of a thousand tenants', async () => {
    const tenants = Array.from({ length: 1000 }, (_, index) => `wide-${index}`);
    const session = await suite.open();
    await session.commit(commitOf(tenants, suite.topic, { offset: 0, metadata: '' }));
    for (const tenant of ['wide-0', 'wide-500', 'wide-999'])
      expect(await suite.harness.output(suite.topic, { kind: 'grouped', tenant })).toEqual([suite.topic]);
  });
}
