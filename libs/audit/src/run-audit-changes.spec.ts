import { describe, expect, it } from '@jest/globals';
import { aggregatedTopic, encodeTenant, groupedTopic } from '@pulses/shared-pulse-model';
import { SCALE } from '@pulses/testing-scale';
import fc from 'fast-check';
import {
  ACME_GROUPED,
  ACME_SUMS,
  audit,
  change,
  DEAD,
  findingsOf,
  pulse,
  records,
  smallSystem,
  system,
} from './testing/audited-system';
import type { MemoryBroker, MemoryRecord } from './testing/memory-broker';
import { SOURCE, writeSystem, type SystemPlan } from './testing/written-system';

describe('the audit of changed outputs', () => {
  it('notices any one output line that is left out, doubled or swapped with the next', async () => {
    await fc.assert(
      fc.asyncProperty(
        system,
        fc.nat(),
        fc.nat(),
        fc.constantFrom('left out', 'doubled', 'swapped'),
        async (plan, topicSeed, lineSeed, kind) => {
          const broker = writeSystem(plan);
          const names = [...broker.stored.keys()].filter((name) => name !== SOURCE);
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
    broker.stored.delete(ACME_GROUPED);
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
    for (const name of broker.stored.keys()) if (name.includes('.aggregated.')) broker.stored.delete(name);
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
    broker.storedPositions = broker.storedPositions.map((position) =>
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
    const earlier = writeSystem(plan(8)).storedPositions;
    const moving = (positions: MemoryBroker['storedPositions'][]): MemoryBroker => {
      const rest = [...positions];
      return { ...later, positions: () => Promise.resolve(rest.shift() ?? []) };
    };
    expect(await findingsOf(moving([earlier, later.storedPositions]))).toEqual([]);
    const found = await findingsOf(moving([earlier, earlier]));
    expect(new Set(found.map(({ topic }) => topic))).toEqual(new Set([ACME_GROUPED, ACME_SUMS]));
    expect(found[0]?.problem).toContain('no commit has reached');
  });

  it('passes over the sums of a window of which only some are stored', async () => {
    const broker = smallSystem();
    const windowed = broker.storedPositions.findIndex(({ name }) => name === 'windowed');
    broker.storedPositions[windowed] = { ...broker.storedPositions[windowed]!, offset: 10, metadata: '{}' }; // the system has stored it
    for (const [name, topic] of broker.stored)
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
    broker.storedPositions = broker.storedPositions.filter(({ topic }) => topic === SOURCE);
    expect((await findingsOf(broker)).length).toBe(3);
  });
});
