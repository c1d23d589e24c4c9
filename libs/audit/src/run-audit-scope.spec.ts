import { describe, expect, it } from '@jest/globals';
import { aggregatedTopic, encodeTenant } from '@pulses/shared-pulse-model';
import type { AuditOptions } from './run-audit';
import {
  ACME_GROUPED,
  ACME_SUMS,
  audit,
  change,
  DEAD,
  findingsOf,
  records,
  smallSystem,
} from './testing/audited-system';
import type { MemoryBroker } from './testing/memory-broker';
import { SOURCE, writeSystem } from './testing/written-system';

describe('what the audit can compare', () => {
  const trimmed = (broker: MemoryBroker, name: string, count: number) => {
    const topic = broker.topic(name);
    topic.startOffset += Math.min(count, topic.records.length);
    topic.records.splice(0, count);
  };
  const uncheckedOf = async (broker: MemoryBroker, selection: Partial<AuditOptions> = {}) => {
    const { unchecked, findings } = await audit(broker, selection);
    expect(findings.first).toEqual([]);
    return unchecked;
  };

  it('has compared all that was asked for when nothing is trimmed, and ranges end where commits do', async () => {
    // The fourth window is open: from offset 15 on there are no sums.
    const ranges = [{}, { from: 5 }, { to: 15 }, { from: 7, to: 13 }, { tenant: 'acme' }, { from: 20 }];
    for (const selection of ranges) expect(await uncheckedOf(smallSystem(), selection)).toEqual([]);
  });

  it('names source offsets that retention has removed, and the window that it cut', async () => {
    const broker = smallSystem();
    trimmed(broker, SOURCE, 7);
    const removed = { outputs: 'all', fromOffset: 0, toOffset: 7, reason: 'trimmed' };
    expect(await uncheckedOf(broker)).toEqual([
      removed,
      { outputs: 'sums', fromOffset: 7, toOffset: 10, reason: 'trimmed' },
    ]);
    expect(await uncheckedOf(broker, { to: 4 })).toEqual([{ ...removed, toOffset: 4 }]);
    expect(await uncheckedOf(broker, { from: 7 })).toEqual([]);
    expect(await uncheckedOf(broker, { from: 12 })).toEqual([]);
  });

  it('names ranges that are not committed yet', async () => {
    const uncommitted = { outputs: 'all', reason: 'uncommitted' };
    const openWindow = { outputs: 'sums', fromOffset: 15, toOffset: 20, reason: 'uncommitted' };
    expect(await uncheckedOf(smallSystem(), { to: 30 })).toEqual([
      { ...uncommitted, fromOffset: 20, toOffset: 30 },
      openWindow,
    ]);
    expect(await uncheckedOf(smallSystem(), { from: 15, to: 20 })).toEqual([openWindow]);
    expect(await uncheckedOf(smallSystem(), { from: 25 })).toEqual([
      { ...uncommitted, fromOffset: 25, toOffset: Infinity },
    ]);
  });

  it.each([
    // The third line of acme is that of source offset 3; a dead letter stands at 2, 7, 12 and 17.
    ['grouped', ACME_GROUPED, 2, { fromOffset: 0, toOffset: 2 }],
    ['dead-letter', DEAD, 2, { fromOffset: 2, toOffset: 8 }],
    ['emptied dead-letter', DEAD, 4, { fromOffset: 2, toOffset: 18 }],
    // The first window, and the rest of the second one.
    ['aggregated', ACME_SUMS, 2, { fromOffset: 0, toOffset: 10 }],
    ['aggregated, cut within a window', ACME_SUMS, 3, { fromOffset: 0, toOffset: 10 }],
  ])('names what %s topics have lost', async (_kind, topic, count, range) => {
    const broker = smallSystem();
    trimmed(broker, topic, count);
    expect(await uncheckedOf(broker)).toEqual([{ outputs: { topic }, ...range, reason: 'trimmed' }]);
    expect(await uncheckedOf(broker, { from: range.toOffset })).toEqual([]);
  });

  it('names the sums that are lost when no topic has any left', async () => {
    const broker = smallSystem();
    const topics = [ACME_SUMS, aggregatedTopic(encodeTenant(Buffer.from('a.b')))];
    for (const topic of topics) trimmed(broker, topic, 100);
    expect(await uncheckedOf(broker)).toMatchObject(topics.map((topic) => ({ outputs: { topic }, reason: 'trimmed' })));
  });

  it('refuses a group that the broker does not know, and takes one without positions', async () => {
    const broker = smallSystem();
    await expect(audit(broker, { group: 'nosuch' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: "--group: 'nosuch' is not valid: no such group reads source.pulses",
    });
    const joined = { group: `joined@${SOURCE}`, epoch: 1, sources: [] };
    const source = writeSystem({ source: [], lengths: [] });
    const { scope } = await audit({ ...source, groups: () => Promise.resolve([joined]) }, { group: 'joined' });
    expect(scope.hasPositions).toBe(false);
  });

  it('refuses a group that does not own the outputs, and names the owner', async () => {
    const broker = smallSystem();
    const [first] = broker.storedPositions;
    const other = `other@${SOURCE}`;
    if (first !== undefined)
      broker.storedPositions = [...broker.storedPositions, { ...first, group: other, offset: 3 }];
    const auditWith = (owner: string, group?: string) => {
      const groups = [`ingestor@${SOURCE}`, other, 'foreign'].map((name) => ({
        group: name,
        epoch: 1,
        sources: name === owner ? [SOURCE] : [],
      }));
      return audit({ ...broker, groups: () => Promise.resolve(groups) }, group === undefined ? {} : { group });
    };
    await expect(auditWith(`ingestor@${SOURCE}`, 'other')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: "--group: 'other' is not valid: the outputs of source.pulses belong to the group 'ingestor'",
    });
    await expect(auditWith('foreign')).rejects.toMatchObject({
      message: expect.stringMatching(/belong to the group 'foreign'$/),
    });
    const { findings } = await auditWith(`ingestor@${SOURCE}`);
    expect(findings.count).toBe(0);
  });

  it('names a position beyond the end of the source instead of waiting for what cannot come', async () => {
    const broker = smallSystem();
    broker.storedPositions = broker.storedPositions.map((position) => ({ ...position, offset: 1200 }));
    const found = (await findingsOf(broker)).map(({ problem }) => problem);
    expect(found.slice(0, 2)).toEqual([
      'the position grouped, 1200, is beyond the end of the source, 20',
      'the position windowed, 1200, is beyond the end of the source, 20',
    ]);
  });

  it.each([1, 3, 5, 7, 12])('compares what is left when the source has lost its first %i messages', async (count) => {
    const broker = smallSystem();
    const source = broker.topic(SOURCE);
    source.records.splice(0, count);
    source.startOffset = count;
    expect(await findingsOf(broker)).toEqual([]);
    change(broker, ACME_GROUPED, 10, (line) => line.replace('"used_amount":5', '"used_amount":6'));
    expect((await findingsOf(broker)).length).toBe(1);
  });

  it.each([1, 2, 4, 5, 6])('compares what is left when output topics have lost their first %i lines', async (count) => {
    const broker = smallSystem();
    for (const name of [ACME_GROUPED, ACME_SUMS, DEAD]) {
      const topic = broker.topic(name);
      topic.startOffset = Math.min(count, topic.records.length);
      topic.records.splice(0, count);
    }
    expect(await findingsOf(broker)).toEqual([]);
    const last = records(broker, ACME_GROUPED).length - 1;
    change(broker, ACME_GROUPED, last, (line) => line.replace('"used_amount":0.2', '"used_amount":0.3'));
    expect((await findingsOf(broker)).length).toBe(1);
  });
});
