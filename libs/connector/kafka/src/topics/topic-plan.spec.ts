import { describe, expect, it } from '@jest/globals';
import { createCommand, mendCommand, planOf, settingsOf, unsuitableSettings } from './topic-plan';

const source = { name: 's', isSource: true };
const output = { name: 'o', isSource: false };
const sound = settingsOf({ partitions: 1, replication: 3, retentionMs: undefined });

describe('the topics of a source', () => {
  it('are the source and its outputs', () => {
    expect(planOf({ source: 's', grouped: 'g', aggregated: 'a', deadLetter: 'd' })).toEqual([
      { name: 's', isSource: true },
      ...['g', 'a'].map((name) => ({ name, isSource: false })),
      { name: 'd', isSource: false, messageBytesMax: 8_388_608 },
    ]);
  });

  it('have room for dead letters, which are larger than their messages', () => {
    const plans = planOf({ source: 's', grouped: 'g', aggregated: 'a', deadLetter: 'd' });
    const shape = { partitions: 1, replication: 1, retentionMs: undefined };
    expect(plans.map((plan) => settingsOf(shape, plan).get('max.message.bytes'))).toEqual([
      ...[undefined, undefined, undefined],
      '8388608',
    ]);
  });

  it.each([1, 2, 3, 5])('are sound as they are created, with %i replicas', (replication) => {
    const settings = settingsOf({ partitions: 1, replication, retentionMs: 1 });
    expect([source, output].flatMap((plan) => unsuitableSettings(plan, replication, settings))).toEqual([]);
  });

  it.each([
    ['message.timestamp.type', 'CreateTime', 'LogAppendTime'],
    ['cleanup.policy', 'compact', 'delete'],
    ['cleanup.policy', 'delete, compact', 'delete'],
    ['min.insync.replicas', '1', '2'],
    ['min.insync.replicas', '4', '2'],
    ['unclean.leader.election.enable', 'true', 'false'],
  ])('are refused with %s=%s', (setting, value, needed) => {
    expect(unsuitableSettings(source, 3, new Map([...sound, [setting, value]]))).toEqual([
      { setting, value, needed, reason: expect.any(String) },
    ]);
  });

  it('need the time of the log only for the source', () => {
    expect(unsuitableSettings(output, 3, new Map([...sound, ['message.timestamp.type', 'CreateTime']]))).toEqual([]);
  });

  it('need a second broker only with three replicas', () => {
    const settings = new Map([...sound, ['min.insync.replicas', '1']]);
    expect([1, 2].flatMap((replicas) => unsuitableSettings(source, replicas, settings))).toEqual([]);
  });

  it('come with the commands that make and mend them', () => {
    expect(createCommand('h:1', source, { partitions: 2, replication: 1, retentionMs: 60_000 })).toBe(
      'kafka-topics.sh --bootstrap-server h:1 --create --topic s --partitions 2 --replication-factor 1 ' +
        '--config message.timestamp.type=LogAppendTime --config cleanup.policy=delete --config retention.ms=60000 ' +
        '--config retention.bytes=-1 --config min.insync.replicas=1 --config unclean.leader.election.enable=false',
    );
    const wrong = unsuitableSettings(source, 3, new Map([...sound, ['cleanup.policy', 'compact']]));
    expect(mendCommand('h:1', 's', wrong)).toBe(
      'kafka-configs.sh --bootstrap-server h:1 --alter --entity-type topics --entity-name s ' +
        '--add-config cleanup.policy=delete',
    );
  });
});
