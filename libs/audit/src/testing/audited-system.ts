// A system as an ingestor writes it, to be changed and audited.

import { expect } from '@jest/globals';
import { aggregatedTopic, deadLetterTopic, groupedTopic } from '@pulses/shared-pulse-model';
import fc from 'fast-check';
import { runAudit, type AuditOptions, type AuditReport } from '../run-audit';
import { createMemoryBroker, type MemoryBroker, type MemoryRecord } from './memory-broker';
import { GROUP, SOURCE, writeSystem, type SystemPlan } from './written-system';

const clock = { nowMs: () => 0, monotonicMs: () => 0, setTimer: () => ({ cancel: () => undefined }) };
const random = { bytes: (count: number) => new Uint8Array(count), fraction: () => 0 };

/** The report of the only partition. */
export async function audit(broker: MemoryBroker, others: Partial<AuditOptions> = {}) {
  const [report, ...more] = await auditAll(broker, others);
  expect(more).toEqual([]);
  return report as AuditReport; // there is one
}

export function auditAll(broker: MemoryBroker, others: Partial<AuditOptions> = {}) {
  const options = {
    readers: [broker, broker],
    sourceTopic: SOURCE,
    group: GROUP,
    clock,
    random,
    onProgress: () => undefined,
  };
  return runAudit({ ...options, ...others });
}

export async function findingsOf(broker: MemoryBroker, others: Partial<AuditOptions> = {}) {
  const report = await audit(broker, others);
  expect(report.findings.first.length).toBe(Math.min(report.findings.count, 20));
  return report.findings.first;
}

export const pulse = (tenant: string, sku: string, amount: string) =>
  `{"tenant_id":${JSON.stringify(tenant)},"product_sku":${JSON.stringify(sku)},"used_ammount":${amount},"use_unity":"h"}`;

export const TENANTS = ['acme', 'a.b', 'q"\\', '__proto__', '.'.repeat(256), 'ünï'];
const AMOUNTS = ['1', '0.1', '"2.50"', '-0.000000000000000000000000000001', '99999999999999999999', '1e-3'];
const NO_PULSES = [
  'not json',
  '[]',
  '{"tenant_id":"a","tenant_id":"a"}',
  pulse('', 's', '1'),
  pulse('a', 's', '1e400'),
];

const message = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.constantFrom(...TENANTS), fc.constantFrom('s', 't', '"', 'constructor'), fc.constantFrom(...AMOUNTS))
      .map((parts) => pulse(...parts)),
  },
  { weight: 1, arbitrary: fc.constantFrom(...NO_PULSES) },
);

export const system: fc.Arbitrary<SystemPlan> = fc
  .record({
    messages: fc.array(fc.record({ line: message, waitMs: fc.constantFrom(0, 0, 1, 250, 999, 1000, 4321) }), {
      maxLength: 60,
    }),
    lengths: fc.array(fc.record({ fromOffset: fc.nat(60), windowMs: fc.constantFrom(500, 1000, 7000) }), {
      maxLength: 3,
    }),
    ungrouped: fc.nat(5),
  })
  .map(({ messages, lengths, ungrouped }) => {
    let timestampMs = 1_700_000_000_123;
    return {
      source: messages.map(({ line, waitMs }) => ({ line, timestampMs: (timestampMs += waitMs) })),
      lengths: [{ fromOffset: 0, windowMs: 1000 }, ...lengths.sort((a, b) => a.fromOffset - b.fromOffset)],
      groupedOffset: Math.max(0, messages.length - ungrouped),
    };
  });

/** Three windows of a second, of two tenants, with a dead letter in each. */
export function smallSystem(): MemoryBroker {
  const lines = [
    pulse('acme', 's', '0.1'),
    pulse('acme', 't', '5'),
    'not json',
    pulse('acme', 's', '0.2'),
    pulse('a.b', 's', '7'),
  ];
  const source = [0, 1, 2, 3].flatMap((second) =>
    lines.map((line, index) => ({ line, timestampMs: 1_700_000_000_000 + second * 1000 + index * 100 })),
  );
  return writeSystem({ source, lengths: [{ fromOffset: 0, windowMs: 1000 }] });
}

export const ACME_GROUPED = groupedTopic('acme');
export const ACME_SUMS = aggregatedTopic('acme');
export const DEAD = deadLetterTopic(SOURCE);

export function change(broker: MemoryBroker, topic: string, index: number, edit: (line: string) => string): void {
  const { records } = broker.topic(topic);
  const record = records[index] as MemoryRecord;
  const line = edit(record.line.toString());
  expect(line).not.toBe(record.line.toString());
  records[index] = { ...record, line: Buffer.from(line) };
}

export const records = (broker: MemoryBroker, topic: string) => broker.topic(topic).records;

/** A system whose messages all have one time: each topic may come as one batch. */
export function systemOfOneTime(count: number): MemoryBroker {
  const source = Array.from({ length: count }, (_, index) => ({
    line: index % 50 === 49 ? 'not json' : pulse(`t${index % 2}`, `s${index % 7}`, `${index}.5`),
    timestampMs: 1_700_000_000_000,
  }));
  return writeSystem({ source, lengths: [{ fromOffset: 0, windowMs: 1000 }] });
}

/** Gives out each topic as one batch. */
export function inOneBatch(broker: MemoryBroker): MemoryBroker {
  const whole = createMemoryBroker(1e9);
  for (const [name, topic] of broker.stored) whole.stored.set(name, topic);
  whole.storedPositions = broker.storedPositions;
  return whole;
}
