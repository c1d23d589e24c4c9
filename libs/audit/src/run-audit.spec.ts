import { describe, expect, it } from '@jest/globals';
import { SCALE } from '@pulses/testing-scale';
import { aggregatedTopic, deadLetterTopic, encodeTenant, groupedTopic } from '@pulses/shared-pulse-model';
import fc from 'fast-check';
import type { MemoryBroker, MemoryRecord } from './testing/memory-broker';
import { GROUP, SOURCE, writeSystem, type SystemPlan } from './testing/written-system';
import { runAudit, type AuditOptions } from './run-audit';
import { comparedLinesOf } from './compare/scope';
import { skimOver, type Skim } from './actual/skim';

const clock = { nowMs: () => 0, monotonicMs: () => 0, setTimer: () => ({ cancel: () => undefined }) };
const random = { bytes: (count: number) => new Uint8Array(count), fraction: () => 0 };

function audit(broker: MemoryBroker, others: Partial<AuditOptions> = {}) {
  const options = {
    clients: [broker, broker],
    sourceTopic: SOURCE,
    group: GROUP,
    clock,
    random,
    onProgress: () => undefined,
  };
  return runAudit({ ...options, ...others });
}

async function findingsOf(broker: MemoryBroker, others: Partial<AuditOptions> = {}) {
  const report = await audit(broker, others);
  expect(report.findings.first.length).toBe(Math.min(report.findings.count, 20));
  return report.findings.first;
}

const pulse = (tenant: string, sku: string, amount: string) =>
  `{"tenant_id":${JSON.stringify(tenant)},"product_sku":${JSON.stringify(sku)},"used_ammount":${amount},"use_unity":"h"}`;

const TENANTS = ['acme', 'a.b', 'q"\\', '__proto__', '.'.repeat(256), 'ünï'];
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

const system: fc.Arbitrary<SystemPlan> = fc
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
function smallSystem(): MemoryBroker {
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

const ACME_GROUPED = groupedTopic('acme');
const ACME_SUMS = aggregatedTopic('acme');
const DEAD = deadLetterTopic(SOURCE);

function change(broker: MemoryBroker, topic: string, index: number, edit: (line: string) => string): void {
  const { records } = broker.topic(topic);
  const record = records[index] as MemoryRecord;
  const line = edit(record.line.toString());
  expect(line).not.toBe(record.line.toString());
  records[index] = { ...record, line: Buffer.from(line) };
}

const records = (broker: MemoryBroker, topic: string) => broker.topic(topic).records;

/** A system whose messages all have one time: each topic may come as one batch. */
function systemOfOneTime(count: number): MemoryBroker {
  const source = Array.from({ length: count }, (_, index) => ({
    line: index % 50 === 49 ? 'not json' : pulse(`t${index % 2}`, `s${index % 7}`, `${index}.5`),
    timestampMs: 1_700_000_000_000,
  }));
  return writeSystem({ source, lengths: [{ fromOffset: 0, windowMs: 1000 }] });
}

/** Gives out each topic as one batch. */
function inOneBatch(broker: MemoryBroker): MemoryBroker {
  const fetch: MemoryBroker['fetch'] = (topic, _incarnation, fromOffset) => {
    const list = records(broker, topic).slice(fromOffset);
    const payload = Buffer.concat(list.flatMap(({ line }) => [line, Buffer.from('\n')]));
    const batch = { baseOffset: fromOffset, recordCount: list.length, timestampMs: list[0]?.timestampMs ?? 0, payload };
    const next = () => Promise.resolve({ kind: 'records' as const, batch });
    return { next, nextAll: async () => [await next()], close: () => undefined };
  };
  return { ...broker, fetch };
}

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

  it('notices any one output line that is left out, doubled or swapped with the next', async () => {
    await fc.assert(
      fc.asyncProperty(
        system,
        fc.nat(),
        fc.nat(),
        fc.constantFrom('left out', 'doubled', 'swapped'),
        async (plan, topicSeed, lineSeed, kind) => {
          const broker = writeSystem(plan);
          const names = [...broker.topics.keys()].filter((name) => name !== SOURCE);
          const topic = names[topicSeed % names.length];
          fc.pre(topic !== undefined);
          const list = records(broker, topic);
          const index = lineSeed % list.length;
          const [one, next] = [list[index] as MemoryRecord, list[index + 1]];
          if (kind === 'left out') list.splice(index, 1);
          else if (kind === 'doubled') list.splice(index, 0, one);
          else {
            fc.pre(next !== undefined);
            list.splice(index, 2, next, one);
          }
          const found = await findingsOf(broker);
          expect(found.map((finding) => finding.topic)).toContain(topic);
        },
      ),
    );
  });

  const edits: [string, string, number, (line: string) => string][] = [
    ['the amount of a grouped line', ACME_GROUPED, 1, (line) => line.replace('"used_amount":5', '"used_amount":6')],
    [
      'its last digit of thirty',
      ACME_GROUPED,
      0,
      (line) => line.replace(':0.1,', ':0.100000000000000000000000000001,'),
    ],
    ['the SKU of a grouped line', ACME_GROUPED, 1, (line) => line.replace('"product_sku":"t"', '"product_sku":"s"')],
    ['the unit of a grouped line', ACME_GROUPED, 1, (line) => line.replace('"use_unit":"h"', '"use_unit":"H"')],
    ['the tenant of a grouped line', ACME_GROUPED, 1, (line) => line.replace('"acme"', '"acm"')],
    ['the time of a grouped line', ACME_GROUPED, 1, (line) => line.replace('"timestamp":17', '"timestamp":16')],
    [
      'the source offset of a grouped line',
      ACME_GROUPED,
      1,
      (line) => line.replace('"source_offset":1', '"source_offset":2'),
    ],
    [
      'the id of a grouped line',
      ACME_GROUPED,
      1,
      (line) =>
        line.replace(/"object_id":"./, (id) => (id.endsWith('0') ? id.replace(/0$/, '1') : id.replace(/.$/, '0'))),
    ],
    ['a grouped line that is no JSON', ACME_GROUPED, 2, () => '{'],
    [
      'the sum of a key',
      ACME_SUMS,
      0,
      (line) => line.replace('"total_amount":0.3', '"total_amount":0.30000000000000004'),
    ],
    ['the form of a sum', ACME_SUMS, 0, (line) => line.replace('"total_amount":0.3', '"total_amount":0.30')],
    ['the pulse count of a key', ACME_SUMS, 0, (line) => line.replace('"pulse_count":2', '"pulse_count":3')],
    [
      'the first time of a key',
      ACME_SUMS,
      0,
      (line) => line.replace('"first_seen":1700000000', '"first_seen":1700000000.1'),
    ],
    [
      'the last time of a key',
      ACME_SUMS,
      0,
      (line) => line.replace('"last_seen":1700000000.3', '"last_seen":1700000000.2'),
    ],
    ['the key of a sum', ACME_SUMS, 0, (line) => line.replace('"product_sku":"s"', '"product_sku":"x"')],
    ['the first offset of a window', ACME_SUMS, 2, (line) => line.replace('"from_offset":5', '"from_offset":4')],
    ['the last offset of a window', ACME_SUMS, 2, (line) => line.replace('"to_offset":9', '"to_offset":10')],
    [
      'the start of a window',
      ACME_SUMS,
      2,
      (line) => line.replace('"window_start":1700000001', '"window_start":1700000000'),
    ],
    ['the length of a window', ACME_SUMS, 2, (line) => line.replace('"window":"1s"', '"window":"2s"')],
    ['the time of a sum', ACME_SUMS, 2, (line) => line.replace('"timestamp":1700000002', '"timestamp":1700000001')],
    ['the source of a sum', ACME_SUMS, 2, (line) => line.replace('"topic":"source.pulses"', '"topic":"other"')],
    ['the reason of a dead letter', DEAD, 1, (line) => line.replace('not_json', 'not_object')],
    ['the bytes of a dead letter', DEAD, 1, (line) => line.replace('"raw":"b', '"raw":"c')],
    ['the offset of a dead letter', DEAD, 1, (line) => line.replace('"source_offset":7', '"source_offset":6')],
    ['the time of a dead letter', DEAD, 1, (line) => line.replace('"timestamp":1700000001', '"timestamp":1700000002')],
  ];

  it.each(edits)('notices a change of %s', async (_what, topic, index, edit) => {
    const broker = smallSystem();
    change(broker, topic, index, edit);
    expect((await findingsOf(broker)).map((finding) => finding.topic)).toContain(topic);
  });

  it('shows the first difference of a topic: what must be there, and what is', async () => {
    const broker = smallSystem();
    change(broker, ACME_GROUPED, 4, (line) => line.replace('"used_amount":5', '"used_amount":6'));
    const [finding, ...others] = await findingsOf(broker);
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ topic: ACME_GROUPED, problem: 'the first difference: used_amount', offset: 4 });
    expect(finding?.expected).toContain('"source_offset":6');
    expect(finding?.expected).toContain('"used_amount":5');
    expect(finding?.found).toContain('"used_amount":6');
  });

  it.each([
    ['the last line of a topic', ACME_GROUPED, -1, 'a line is missing'],
    ['a line in between', ACME_GROUPED, 3, 'a line is missing or comes too late'],
    ['a sum', ACME_SUMS, 0, 'another line comes first'],
    ['a dead letter', DEAD, 1, 'a line is missing or comes too late'],
  ])('says that a line is missing: %s', async (_what, topic, index, told) => {
    const broker = smallSystem();
    records(broker, topic).splice(index, 1);
    expect(await findingsOf(broker)).toMatchObject([{ topic, problem: expect.stringMatching(`: ${told}$`) }]);
  });

  it('says that a line stands twice, or before its time', async () => {
    const twice = smallSystem();
    const list = records(twice, ACME_GROUPED);
    list.splice(2, 0, list[1] as MemoryRecord);
    expect(await findingsOf(twice)).toMatchObject([
      { topic: ACME_GROUPED, offset: 2, problem: 'the first difference: a line is too many or comes too late' },
    ]);
    const swapped = smallSystem();
    const sums = records(swapped, ACME_SUMS);
    sums.splice(2, 2, sums[3] as MemoryRecord, sums[2] as MemoryRecord);
    expect(await findingsOf(swapped)).toMatchObject([
      { topic: ACME_SUMS, offset: 2, problem: 'the first difference: another line comes first' },
    ]);
  });

  it('notices any one byte of an output line that is changed', async () => {
    const broker = smallSystem();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(ACME_GROUPED, ACME_SUMS),
        fc.nat(),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (topic, lineSeed, place, flip) => {
          const list = records(broker, topic);
          // The last window is open: its sums are not there, and its grouped lines are compared all the same.
          const record = list[lineSeed % list.length] as MemoryRecord;
          const line = Buffer.from(record.line);
          const at = place % line.byteLength;
          line[at] = (line[at] as number) ^ flip;
          fc.pre(line[at] !== 10);
          const index = list.indexOf(record);
          list[index] = { ...record, line };
          const found = await findingsOf(broker);
          list[index] = record;
          expect(found.map((finding) => finding.topic)).toContain(topic);
        },
      ),
      { numRuns: SCALE.sizeOf({ sample: 40, fault: 400 }) },
    );
  });

  it('compares only what belongs to the source offsets asked for', async () => {
    const report = await audit(smallSystem(), { from: 5, to: 15 });
    expect(report.findings.first).toEqual([]);
    expect(report.found).toEqual({ grouped: 8, deadLetters: 2, sums: 6, ofOtherSources: 0 });
    expect(report.replayed).toEqual({ messages: 10, pulses: 8, deadLetters: 2, windows: 2, sums: 6 });
  });

  it.each([
    [7, 20, 3],
    [0, 13, 6],
    [6, 9, 0],
    [7, 13, 0],
    [11, 14, 0],
    [0, 0, 0],
    [30, 40, 0],
  ])('passes over windows that lie only partly in [%i, %i)', async (from, to, sums) => {
    const report = await audit(smallSystem(), { from, to });
    expect(report.findings.first).toEqual([]);
    expect(report.replayed.sums).toBe(sums);
    expect(report.found.sums).toBe(sums);
  });

  it('finds nothing wrong in any range of what an ingestor writes', async () => {
    await fc.assert(
      fc.asyncProperty(
        system,
        fc.nat(60),
        fc.nat(60),
        fc.option(fc.constantFrom(...TENANTS)),
        async (plan, from, length, tenant) => {
          const single = plan.lengths.slice(0, 1);
          const broker = writeSystem({ ...plan, lengths: single });
          expect(await findingsOf(broker, { from, to: from + length, ...(tenant === null ? {} : { tenant }) })).toEqual(
            [],
          );
        },
      ),
    );
  });

  it('finds a change exactly when it belongs to the offsets and the tenant asked for', async () => {
    const broker = smallSystem();
    // The line of source offset 6.
    change(broker, ACME_GROUPED, 4, (line) => line.replace('"used_amount":5', '"used_amount":6'));
    const found = async (selection: Parameters<typeof audit>[1]) => (await findingsOf(broker, selection)).length;
    expect(await found({ from: 6, to: 7 })).toBe(1);
    expect(await found({ from: 7 })).toBe(0);
    expect(await found({ to: 6 })).toBe(0);
    expect(await found({ tenant: 'acme' })).toBe(1);
    expect(await found({ tenant: 'a.b' })).toBe(0);
    expect(await found({ tenant: 'nobody' })).toBe(0);
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
    broker.positions.push(...other.positions);
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
          await skimOver([broker])(structuredClone(comparedLinesOf(compared)), structuredClone(topics), onRead),
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

  it.each([0, 3, 6, 99])('names a wrong line once, wherever in its batch it stands: %i', async (index) => {
    const source = Array.from({ length: 100 }, () => ({
      line: pulse('acme', 's', '1'),
      timestampMs: 1_700_000_000_000,
    }));
    const broker = writeSystem({ source, lengths: [{ fromOffset: 0, windowMs: 1000 }] });
    change(broker, ACME_GROUPED, index, () => '{');
    const found = await findingsOf(broker);
    expect(found.filter(({ found: line }) => line === '{')).toMatchObject([{ topic: ACME_GROUPED, offset: index }]);
  });

  it('notices that a tenant has no output at all', async () => {
    const broker = smallSystem();
    broker.topics.delete(ACME_GROUPED);
    expect(await findingsOf(broker, { tenant: 'acme' })).toMatchObject([
      { topic: ACME_GROUPED, problem: 'the first difference: a line is missing' },
    ]);
  });

  it('notices a window that is missing altogether', async () => {
    const broker = smallSystem();
    for (const tenant of ['acme', encodeTenant(Buffer.from('a.b'))]) {
      const list = records(broker, aggregatedTopic(tenant));
      list.splice(0, list.length, ...list.filter(({ line }) => !line.includes('"from_offset":5')));
    }
    expect((await findingsOf(broker)).length).toBe(2);
  });

  it('notices when no window was summed at all', async () => {
    const broker = smallSystem();
    for (const name of broker.topics.keys()) if (name.includes('.aggregated.')) broker.topics.delete(name);
    const [first] = await findingsOf(broker);
    expect(first?.problem).toContain('the pulse at source offset 0 is in no window');
  });

  it('notices a window that was closed before its end', async () => {
    const source = [0, 400, 800, 1200].map((wait) => ({
      line: pulse('acme', 's', '1'),
      timestampMs: 1_700_000_000_000 + wait,
    }));
    const broker = writeSystem({ source, lengths: [{ fromOffset: 0, windowMs: 1000 }] });
    // As if the third message had not been waited for: everything else about the window is right.
    change(broker, ACME_SUMS, 0, (line) =>
      line
        .replace('"total_amount":3', '"total_amount":2')
        .replace('"pulse_count":3', '"pulse_count":2')
        .replace('"last_seen":1700000000.8', '"last_seen":1700000000.4')
        .replace('"to_offset":2', '"to_offset":1'),
    );
    broker.positions = broker.positions.map((position) =>
      position.name === 'windowed' ? { ...position, offset: 2 } : position,
    );
    const found = await findingsOf(broker);
    expect(found.map(({ problem }) => problem)).toEqual([
      'the window that began at source offset 0 was closed before its end',
    ]);
  });

  it('takes another window length from where the lines tell of it, though messages that are none come first', async () => {
    const base = 7000 * 242_858_000;
    const source = [
      { line: pulse('acme', 's', '1'), timestampMs: base },
      { line: 'not json', timestampMs: base + 7000 },
      { line: pulse('acme', 's', '2'), timestampMs: base + 8500 },
      { line: pulse('acme', 's', '3'), timestampMs: base + 14_500 },
    ];
    const lengths = [
      { fromOffset: 0, windowMs: 7000 },
      { fromOffset: 1, windowMs: 1000 },
    ];
    expect(await findingsOf(writeSystem({ source, lengths }))).toEqual([]);
  });

  it('notices output of a tenant of which the source has nothing', async () => {
    const broker = smallSystem();
    const [line] = records(broker, ACME_GROUPED);
    records(broker, groupedTopic('ghost')).push(line as MemoryRecord);
    expect((await findingsOf(broker)).map(({ topic }) => topic)).toEqual([groupedTopic('ghost')]);
  });

  it('passes over what came while it began, and notices what nobody can have stored', async () => {
    const plan = (count: number): SystemPlan => ({
      source: Array.from({ length: 12 }, (_, index) => ({
        line: pulse('acme', 's', '1'),
        timestampMs: 1_700_000_000_000 + index * 300,
      })),
      lengths: [{ fromOffset: 0, windowMs: 1000 }],
      groupedOffset: count,
    });
    const later = writeSystem(plan(12));
    const earlier = writeSystem(plan(8)).positions;
    const moving = (positions: MemoryBroker['positions'][]): MemoryBroker => {
      const rest = [...positions];
      return { ...later, readPositions: () => Promise.resolve(rest.shift() ?? []) };
    };
    expect(await findingsOf(moving([earlier, later.positions]))).toEqual([]);
    const found = await findingsOf(moving([earlier, earlier]));
    expect(new Set(found.map(({ topic }) => topic))).toEqual(new Set([ACME_GROUPED, ACME_SUMS]));
    expect(found[0]?.problem).toContain('no commit has reached');
  });

  it('passes over the sums of a window of which only some are stored', async () => {
    const broker = smallSystem();
    const windowed = broker.positions.findIndex(({ name }) => name === 'windowed');
    broker.positions[windowed] = { ...broker.positions[windowed]!, offset: 10, metadata: '{}' }; // the system has stored it
    for (const [name, topic] of broker.topics)
      if (name.includes('.aggregated.') && name !== ACME_SUMS)
        topic.records.splice(0, Infinity, ...topic.records.filter(({ line }) => !line.includes('"from_offset":10')));
    expect(await findingsOf(broker)).toEqual([]);
  });

  it('tells the outputs of two sources in the same topics apart', async () => {
    const broker = smallSystem();
    const source = [0, 2000].map((wait) => ({ line: pulse('acme', 's', '3'), timestampMs: 1_700_000_000_000 + wait }));
    writeSystem({ source, lengths: [{ fromOffset: 0, windowMs: 1000 }], sourceTopic: 'other' }, broker);
    const report = await audit(broker);
    expect(report.findings.first).toEqual([]);
    expect(report.found.ofOtherSources).toBe(3);
    // Once the broker does not know the other source, its lines belong to no source.
    broker.positions = broker.positions.filter(({ topic }) => topic === SOURCE);
    expect((await findingsOf(broker)).length).toBe(3);
  });

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
    const { scope } = await audit({ ...source, listGroups: () => Promise.resolve([joined]) }, { group: 'joined' });
    expect(scope.hasPositions).toBe(false);
  });

  it('refuses a group that does not own the outputs, and names the owner', async () => {
    const broker = smallSystem();
    const [first] = broker.positions;
    const other = `other@${SOURCE}`;
    if (first !== undefined) broker.positions = [...broker.positions, { ...first, group: other, offset: 3 }];
    const auditWith = (owner: string, group?: string) => {
      const groups = [`ingestor@${SOURCE}`, other, 'foreign'].map((name) => ({
        group: name,
        epoch: 1,
        sources: name === owner ? [SOURCE] : [],
      }));
      return audit({ ...broker, listGroups: () => Promise.resolve(groups) }, group === undefined ? {} : { group });
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
    broker.positions = broker.positions.map((position) => ({ ...position, offset: 1200 }));
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
