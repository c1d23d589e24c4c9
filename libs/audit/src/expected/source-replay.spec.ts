import { describe, expect, it } from '@jest/globals';
import type { StoredBatch, TopicReader } from '@pulses/connector-api';
import type { AuditScope } from '../compare/scope';
import { LineDigest } from '../compare/line-digest';
import { pulse } from '../testing/audited-system';
import { replaySource } from './source-replay';

const SOURCE = { topic: 's', incarnation: '1'.repeat(32), partition: 3 };

/** Keeps the text of lines. */
class KeptLines extends LineDigest {
  text = '';

  constructor() {
    super({ bytes: 0 });
  }

  override wrote(end: number): void {
    this.text += this.buffer.toString('utf8', this.position, end);
    super.wrote(end);
  }
}

function batchOf(baseOffset: number, timestampMs: number, messages: readonly string[]): StoredBatch {
  const payload = Buffer.from(messages.map((message) => `${message}\n`).join(''));
  let end = -1;
  const ends = Int32Array.from(messages, (message) => (end += Buffer.byteLength(message) + 1));
  return { baseOffset, recordCount: messages.length, timestampMs, payload, ends };
}

async function linesOf(batches: readonly StoredBatch[], untilOffset: number): Promise<Map<string, string>> {
  const read: TopicReader['read'] = async function* () {
    yield await Promise.resolve(batches);
  };
  const lines = new Map<string, KeptLines>();
  const scope = { source: SOURCE, startOffset: 0, groupedOffset: untilOffset } as AuditScope;
  const findings: unknown[] = [];
  await replaySource({
    reader: { read },
    scope,
    windowsFrom: 0,
    windowsTo: untilOffset,
    stretches: [{ windowMs: 1000, fromOffset: 0, toOffset: untilOffset }],
    findings: { add: (finding) => findings.push(finding) },
    hashSeed: 1,
    linesOf(topic) {
      const kept = new KeptLines();
      lines.set(topic, kept);
      return kept;
    },
  });
  expect(findings).toEqual([]);
  return new Map([...lines].map(([topic, { text }]) => [topic, text]));
}

describe('the replay of a source', () => {
  it('takes offsets with gaps: a window reads from its first message to its last', async () => {
    const batches = [
      batchOf(3, 10_100, [pulse('a', 's', '1'), pulse('a', 's', '2')]),
      batchOf(7, 10_900, [pulse('a', 's', '4')]),
      batchOf(20, 11_000, [pulse('a', 's', '8')]),
    ];
    const lines = await linesOf(batches, 30);
    const sums = lines.get('tenants.a.aggregated.pulses.amount')?.split('\n') ?? [];
    expect(sums[0]).toContain('"total_amount":7,');
    expect(sums[0]).toContain('"source":{"topic":"s","partition":3,"from_offset":3,"to_offset":7}}');
    expect(sums[1]).toContain('"from_offset":20,"to_offset":20}}');
    const grouped = lines.get('tenants.a.grouped.pulses')?.trimEnd().split('\n') ?? [];
    expect(grouped.map((line) => /"source_offset":.*$/.exec(line)?.[0])).toEqual(
      [3, 4, 7, 20].map((offset) => `"source_offset":${offset},"source_partition":3}`),
    );
  });

  it('takes messages that hold line feeds where their ends are told', async () => {
    const spread = pulse('a', 's', '1').replace('{', '{\n');
    const two = `${pulse('a', 's', '2')}\n${pulse('a', 's', '4')}`;
    const lines = await linesOf([batchOf(0, 10_000, [spread, two, '', pulse('a', 's', '8')])], 4);
    const grouped = lines.get('tenants.a.grouped.pulses')?.trimEnd().split('\n') ?? [];
    expect(grouped.map((line) => /"source_offset":\d+/.exec(line)?.[0])).toEqual([
      '"source_offset":0',
      '"source_offset":3',
    ]);
    const letters = lines.get('s.dead-letter')?.trimEnd().split('\n') ?? [];
    expect(letters.map((line) => (JSON.parse(line) as { raw: string }).raw)).toEqual([
      Buffer.from(two).toString('base64'),
      '',
    ]);
  });
});
