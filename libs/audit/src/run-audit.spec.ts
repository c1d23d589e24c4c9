import { describe, expect, it } from '@jest/globals';
import { aggregatedTopic, groupedTopic } from '@pulses/shared-pulse-model';
import fc from 'fast-check';
import { skimOver, type Skim } from './actual/skim';
import { comparedLinesOf } from './compare/scope';
import {
  audit,
  change,
  DEAD,
  findingsOf,
  inOneBatch,
  pulse,
  records,
  smallSystem,
  system,
  systemOfOneTime,
} from './testing/audited-system';
import type { MemoryBroker, MemoryRecord } from './testing/memory-broker';
import { SOURCE, writeSystem } from './testing/written-system';

describe('the audit', () => {
  it('finds nothing wrong with what an ingestor writes, whatever the pulses and the window lengths', async () => {
    await fc.assert(
      fc.asyncProperty(system, async (plan) => {
        expect(await findingsOf(writeSystem(plan))).toEqual([]);
      }),
    );
  });

  it('counts what it has compared', async () => {
    const report = await audit(smallSystem());
    expect(report.replayed).toEqual({ messages: 20, pulses: 16, deadLetters: 4, windows: 3, sums: 9 });
    expect(report.found).toEqual({ grouped: 16, deadLetters: 4, sums: 9, ofOtherSources: 0 });
    expect(report.findings.count).toBe(0);
  });

  it('looks at the topics of one tenant alone, and counts what belongs to it', async () => {
    const report = await audit(smallSystem(), { tenant: 'a.b' });
    expect(report.scope.outputs.map(({ topic }) => topic).sort()).toEqual([
      aggregatedTopic('a%2Eb'),
      groupedTopic('a%2Eb'),
    ]);
    expect(report.replayed).toMatchObject({ messages: 20, pulses: 4, sums: 3 });
    expect(report.found).toEqual({ grouped: 4, deadLetters: 0, sums: 3, ofOtherSources: 0 });
  });

  it('reads the outputs in stored order when most are compared, and else each by itself', async () => {
    const broker = smallSystem();
    for (let other = 0; other < 12; other += 1)
      for (const topicOf of [groupedTopic, aggregatedTopic]) broker.topic(topicOf(`other-${other}`));
    const fetched: string[] = [];
    const watched: MemoryBroker = {
      ...broker,
      read: (partition, range) => {
        fetched.push(partition.topic);
        return broker.read(partition, range);
      },
    };
    expect((await audit(watched)).findings.count).toBe(0);
    expect(fetched).toEqual([SOURCE]);
    expect((await audit(watched, { tenant: 'a.b' })).findings.count).toBe(0);
    expect(fetched.slice(1).sort()).toEqual([SOURCE, aggregatedTopic('a%2Eb'), groupedTopic('a%2Eb')].sort());
  });

  it('reads the other outputs beside those that tell of windows', async () => {
    const broker = smallSystem();
    const { promise: hasBegun, resolve: begin } = Promise.withResolvers<void>();
    const readOutputs: MemoryBroker['readOutputs'] = async function* (partitions) {
      await hasBegun;
      yield* broker.readOutputs(partitions);
    };
    const skimElsewhere: Skim = (...asked) => {
      begin();
      return skimOver([broker])(...asked);
    };
    const report = await audit({ ...broker, readOutputs }, { skimElsewhere, skimElsewhereMin: 0 });
    expect([report.findings.count, report.found.sums]).toEqual([0, 9]);
  });

  it('reads batches of any size', async () => {
    for (const count of [1, 63, 64, 65, 128, 1000]) {
      const report = await audit(inOneBatch(systemOfOneTime(count)));
      expect(report.findings.first).toEqual([]);
      const deadLetters = Math.floor(count / 50);
      expect(report.replayed).toMatchObject({ messages: count, pulses: count - deadLetters, deadLetters });
      expect(report.found).toMatchObject({ grouped: count - deadLetters, deadLetters });
    }
  });

  it('tells lines of another source apart in the midst of a batch', async () => {
    const broker = systemOfOneTime(200);
    const topic = groupedTopic('t0');
    const other = writeSystem({
      source: [{ line: pulse('t0', 's', '3'), timestampMs: 0 }],
      lengths: [{ fromOffset: 0, windowMs: 1000 }],
      sourceTopic: 'other',
    });
    records(broker, topic).splice(20, 0, records(other, topic)[0] as MemoryRecord);
    broker.storedPositions.push(...other.storedPositions);
    const report = await audit(inOneBatch(broker));
    expect(report.findings.first).toEqual([]);
    expect(report.found).toMatchObject({ grouped: 196, ofOtherSources: 1 });
  });

  it('says what is wrong with a line in the midst of a batch, and where', async () => {
    const broker = systemOfOneTime(200);
    const topic = groupedTopic('t0');
    change(broker, topic, 20, () => '{');
    const found = await findingsOf(inOneBatch(broker));
    expect(found).toMatchObject([
      { topic, offset: 20, found: '{' },
      { topic, offset: 21, problem: 'the first difference: a line is missing or comes too late' },
    ]);
  });

  it('takes over what was skimmed elsewhere as if it had read it itself', async () => {
    const systems = [systemOfOneTime(1_000), systemOfOneTime(1_000)];
    const broken = systems[1] as MemoryBroker;
    change(broken, groupedTopic('t1'), 300, () => '{');
    records(broken, groupedTopic('t0')).pop();
    for (const broker of systems) {
      let topicsElsewhere: string[] = [];
      const skimElsewhere: Skim = async (compared, topics, onRead) => {
        topicsElsewhere = topics.map(({ topic }) => topic);
        return structuredClone(
          await skimOver([broker])(structuredClone(compared.map(comparedLinesOf)), structuredClone(topics), onRead),
        );
      };
      const [here, elsewhere] = [await audit(broker), await audit(broker, { skimElsewhere, skimElsewhereMin: 980 })];
      expect(topicsElsewhere).toEqual([DEAD, groupedTopic('t0'), groupedTopic('t1')]);
      expect(elsewhere.found).toEqual(here.found);
      expect(elsewhere.replayed).toEqual(here.replayed);
      expect(elsewhere.findings.count).toBe(here.findings.count);
      expect(elsewhere.findings.first).toEqual(here.findings.first);
      expect(here.findings.count > 0).toBe(broker === broken);
    }
  });

  it('skims little itself', async () => {
    const broker = systemOfOneTime(200);
    const skimElsewhere = () => Promise.reject(new Error('nobody is asked'));
    const report = await audit(broker, { skimElsewhere });
    expect(report.found).toMatchObject({ grouped: 196, deadLetters: 4 });
  });
});
