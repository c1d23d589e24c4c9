import { describe, expect, it } from '@jest/globals';
import { aggregatedTopic, groupedTopic } from '@pulses/shared-pulse-model';
import fc from 'fast-check';
import { skimOver, type Skim } from './actual/skim';
import { comparedLinesOf } from './compare/scope';
import type { AuditReport } from './run-audit';
import { audit, auditAll, change, DEAD, pulse } from './testing/audited-system';
import { createMemoryBroker, type MemoryBroker } from './testing/memory-broker';
import { sharedBroker } from './testing/shared-broker';
import { SOURCE, writeSystem } from './testing/written-system';

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

function damage(broker: MemoryBroker, topicSeed: number, lineSeed: number, kind: string): void {
  const isDamaged = (name: string) => (kind === 'undetailed' ? name === DEAD : !name.startsWith(`${SOURCE}/`));
  const names = [...broker.stored.keys()].filter(isDamaged);
  const { records } = broker.topic(names[topicSeed % names.length]!); // there are some
  const index = lineSeed % records.length;
  const record = records[index]!; // there are some
  const text = record.line.toString();
  if (kind === 'left out') records.splice(index, 1);
  else if (kind === 'doubled') records.splice(index, 0, record);
  else if (kind === 'undetailed') {
    const line = text.replace(/"detail":"[^"]*"/, '"detail":""');
    records.splice(index, 0, { ...record, line: Buffer.from(line) });
  } else {
    const line = kind === 'other' ? text.replace(/partition":[01]/, 'partition":7') : text.slice(1);
    records[index] = { ...record, line: Buffer.from(line) };
  }
}

async function auditBoth(broker: MemoryBroker, others: Parameters<typeof audit>[1] = {}) {
  const reports = await auditAll(sharedBroker(broker), { ...others, partitions: [0, 1] });
  return reports as [AuditReport, AuditReport]; // one for each partition
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
      expect(found.ofOtherSources).toBe(0);
    }
  });

  it('reads each output once for both, and each partition of the source once', async () => {
    const shared = sharedBroker(partitionedSystem());
    const read: string[] = [];
    const watched: MemoryBroker = {
      ...shared,
      read(partition, range) {
        read.push(`${partition.topic}/${partition.partition}`);
        return shared.read(partition, range);
      },
      readOutputs(partitions) {
        read.push(...partitions.map(({ topic }) => topic));
        return shared.readOutputs(partitions);
      },
    };
    await auditAll(watched, { partitions: [0, 1] });
    const once = ['tenants.grouped.pulses', 'tenants.aggregated.pulses.amount', DEAD, `${SOURCE}/0`, `${SOURCE}/1`];
    expect(read.sort()).toEqual(once.sort());
  });

  it('finds of each partition what an audit of it alone finds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        fc.nat(),
        fc.constantFrom('left out', 'doubled', 'other', 'garbled', 'undetailed'),
        async (...seeds) => {
          const broker = partitionedSystem();
          damage(broker, ...seeds);
          const shared = sharedBroker(broker);
          const both = await auditAll(shared, { partitions: [0, 1] });
          for (const [partition, report] of both.entries()) {
            const { findings, ...alone } = await audit(shared, { partitions: [partition] });
            // A line that is of no partition is reported once.
            expect(report.findings.count).toBeLessThanOrEqual(findings.count);
            expect({ ...report, found: { ...report.found, ofOtherSources: 0 } }).toMatchObject({
              ...alone,
              scope: { ...alone.scope, isInScope: expect.anything() },
              found: { ...alone.found, ofOtherSources: 0 },
            });
          }
          expect(both.some(({ findings }) => findings.count > 0)).toBe(true);
        },
      ),
    );
  });

  it('tells a loss of a shared topic from a line that is missing', async () => {
    const broker = partitionedSystem();
    for (const topic of [groupedTopic('acme'), aggregatedTopic('acme')]) broker.topic(topic).records.splice(0);
    const shared = sharedBroker(broker);
    const trimmed: MemoryBroker = {
      ...shared,
      outputs: async () => (await shared.outputs()).map((info) => ({ ...info, startOffset: 1 })),
    };
    for (const { findings, unchecked } of await auditAll(trimmed, { partitions: [0, 1] })) {
      expect(findings.first).toEqual([]);
      expect(unchecked).toContainEqual(
        expect.objectContaining({ outputs: { topic: groupedTopic('acme') }, reason: 'trimmed' }),
      );
    }
  });

  it.each([
    ['of the dead letters', DEAD, {}],
    ['of the only tenant asked for', groupedTopic('acme'), { tenant: 'acme' }],
  ])('tells a loss %s from a line that is missing', async (_what, topic, selection) => {
    const broker = partitionedSystem();
    const stored = broker.topic(topic);
    // As if the lines of partition 1 were the oldest ones.
    const left = stored.records.filter(({ line }) => line.includes('partition":0'));
    const startOffset = stored.records.length - left.length;
    stored.records.splice(0, Infinity, ...left);
    stored.startOffset = startOffset;
    const shared = sharedBroker(broker);
    const trimmed: MemoryBroker = {
      ...shared,
      partitions: async (name) =>
        (await shared.partitions(name)).map((info) => (name === topic ? { ...info, startOffset } : info)),
    };
    const reports = await auditAll(trimmed, { ...selection, partitions: [0, 1] });
    expect(reports.map(({ findings }) => findings.first)).toEqual([[], []]);
    expect(reports[1]?.unchecked).toMatchObject([{ outputs: { topic }, reason: 'trimmed' }]);
  });

  it('takes over what was skimmed elsewhere, and reads again what differs', async () => {
    const broker = partitionedSystem();
    broker.topic(groupedTopic('acme')).records.pop();
    const shared = sharedBroker(broker);
    const here = await auditAll(shared, { partitions: [0, 1] });
    const skimElsewhere: Skim = async (compared, topics, onRead) =>
      structuredClone(
        await skimOver([shared])(structuredClone(compared.map(comparedLinesOf)), structuredClone(topics), onRead),
      );
    const elsewhere = await auditAll(shared, { partitions: [0, 1], skimElsewhere, skimElsewhereMin: 0 });
    expect(elsewhere.map(({ findings, found }) => [findings.first, found])).toEqual(
      here.map(({ findings, found }) => [findings.first, found]),
    );
    expect(elsewhere.map(({ findings }) => findings.count)).toEqual([0, 1]);
  });

  it('counts the lines of partitions that it leaves out', async () => {
    const { found } = await audit(sharedBroker(partitionedSystem()), { partitions: [0] });
    expect(found.ofOtherSources).toBeGreaterThan(found.grouped);
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
