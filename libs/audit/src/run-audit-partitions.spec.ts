import { describe, expect, it } from '@jest/globals';
import { aggregatedTopic, groupedTopic } from '@pulses/shared-pulse-model';
import { audit, change, DEAD, pulse } from './testing/audited-system';
import { createMemoryBroker, type MemoryBroker } from './testing/memory-broker';
import { sharedBroker } from './testing/shared-broker';
import { writeSystem } from './testing/written-system';

const TENANTS = ['acme', 'a.b', 'ünï'];

/** Two partitions of a source; each has pulses of all tenants, and dead letters. */
function partitionedSystem(): MemoryBroker {
  const broker = createMemoryBroker();
  for (const partition of [0, 1]) {
    const source = Array.from({ length: 40 }, (_, index) => ({
      line: index % 9 === 8 ? `no pulse ${index}` : pulse(TENANTS[index % 3]!, `s${index % 2}`, `${index}.5`), // one of three
      timestampMs: 1_700_000_000_000 + index * (partition === 0 ? 210 : 330),
    }));
    writeSystem({ source, lengths: [{ fromOffset: 0, windowMs: 1000 }], partition }, broker);
  }
  return broker;
}

async function auditBoth(broker: MemoryBroker, others: Parameters<typeof audit>[1] = {}) {
  const shared = sharedBroker(broker);
  return [await audit(shared, { ...others, partition: 0 }), await audit(shared, { ...others, partition: 1 })] as const;
}

describe('the audit of a source with several partitions', () => {
  it('finds nothing wrong in either, whose outputs lie side by side', async () => {
    const reports = await auditBoth(partitionedSystem());
    for (const [partition, { findings, unchecked, scope, replayed, found }] of reports.entries()) {
      expect(findings.first).toEqual([]);
      expect(unchecked).toEqual([]);
      expect(scope.source.partition).toBe(partition);
      expect(replayed.messages).toBe(40);
      expect(found.grouped).toBe(replayed.pulses);
      expect(found.deadLetters).toBe(4);
      expect(found.sums).toBe(replayed.sums);
      // The other partition's.
      expect(found.ofOtherSources).toBeGreaterThan(found.grouped);
    }
  });

  it('compares one tenant alone', async () => {
    for (const { findings, found } of await auditBoth(partitionedSystem(), { tenant: 'a.b' })) {
      expect(findings.first).toEqual([]);
      expect(found.grouped).toBeGreaterThan(0);
    }
  });

  it.each([
    ['a grouped line', groupedTopic('acme')],
    ['a sum', aggregatedTopic('a%2Eb')],
    ['a dead letter', DEAD],
  ])('finds %s that names another partition', async (_what, topic) => {
    const broker = partitionedSystem();
    change(broker, topic, 0, (line) => line.replace('partition":0', 'partition":1'));
    const [first] = await auditBoth(broker);
    expect(first.findings.first.map((finding) => finding.topic)).toContain(topic);
  });

  it.each([
    ['a grouped line', groupedTopic('acme')],
    ['a sum', aggregatedTopic('a%2Eb')],
    ['a dead letter', DEAD],
  ])('finds %s that is missing, and only in its partition', async (_what, topic) => {
    const broker = partitionedSystem();
    broker.topic(topic).records.shift();
    const [first, second] = await auditBoth(broker);
    expect(first.findings.first).toMatchObject([
      { topic, problem: expect.stringMatching(/line is missing|another line comes first/) },
    ]);
    expect(second.findings.first).toEqual([]);
  });

  it('finds a line that comes twice', async () => {
    const broker = partitionedSystem();
    const { records } = broker.topic(groupedTopic('acme'));
    records.splice(1, 0, records[0]!); // there are some
    const [first] = await auditBoth(broker);
    expect(first.findings.first).toMatchObject([{ topic: groupedTopic('acme') }]);
  });
});
