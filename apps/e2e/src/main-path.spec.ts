import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startApp } from '@pulses/testing-processes';
import {
  numberText,
  pulseLine,
  startSystem,
  sumsOf,
  sumsOfLines,
  type Pulse,
  type System,
} from '@pulses/testing-system';
import { publishLines, readLines, sendText, subscribe } from './testing/line-client';

const PULSES: readonly Pulse[] = [
  { tenant: 'acme', sku: 'vm-small', unit: 'hours', amount: '0.1' },
  { tenant: 'acme', sku: 'vm-small', unit: 'hours', amount: '0.2' },
  { tenant: 'acme', sku: 'vm-small', unit: 'minutes', amount: '9007199254740993' },
  { tenant: 'a.b', sku: 'disk "big"', unit: 'GiB', amount: '1E2' },
  { tenant: 'a.b', sku: 'disk "big"', unit: 'GiB', amount: '-0.000000000000000000000000000001' },
  { tenant: 'ünïcode', sku: '__proto__', unit: 'x', amount: '99999999999999999999' },
];

const topicsOf = (tenant: string) => ({
  grouped: `tenants.${tenant}.grouped.pulses`,
  aggregated: `tenants.${tenant}.aggregated.pulses.amount`,
});
const TENANT_NAMES = ['acme', 'a%2Eb', '%C3%BCn%C3%AFcode'];

describe('the main path', () => {
  let system: System;

  beforeEach(async () => {
    system = await startSystem({ ingestorArgs: ['--flush-interval', '1s'] });
  });
  afterEach(async () => {
    await system.stop();
  });

  it('groups every pulse, sums each window exactly, and closes windows of an idle source', async () => {
    await publishLines(system.port, 'source.pulses', PULSES.map(pulseLine));

    const grouped = (
      await Promise.all([
        readLines(system.port, topicsOf('acme').grouped, 3),
        readLines(system.port, topicsOf('a%2Eb').grouped, 2),
        readLines(system.port, topicsOf('%C3%BCn%C3%AFcode').grouped, 1),
      ])
    ).flat();
    expect(sumsOfLines(grouped, 'used_amount')).toEqual(sumsOf(PULSES));
    expect(grouped.map((line) => Number(numberText(line, 'source_offset'))).sort()).toEqual([0, 1, 2, 3, 4, 5]);

    const aggregated: string[] = [];
    for (const tenant of TENANT_NAMES) {
      const subscription = subscribe(system.port, topicsOf(tenant).aggregated);
      const expected = grouped.filter((line) => topicOfLine(line) === tenant).length;
      aggregated.push(...(await subscription.until((lines) => pulseCount(lines) >= expected)));
      subscription.close();
    }
    expect(pulseCount(aggregated)).toBe(PULSES.length);
    expect(sumsOfLines(aggregated, 'total_amount')).toEqual(sumsOf(PULSES));
    for (const line of aggregated) {
      expect(numberText(line, 'total_amount')).toMatch(/^(0|-?(0|[1-9]\d*)(\.\d*[1-9])?)$/);
      const { window, window_start, window_end, timestamp } = JSON.parse(line) as Record<string, unknown>;
      expect({ window, timestamp, length: Number(window_end) - Number(window_start) }).toEqual({
        window: '1s',
        timestamp: window_end,
        length: 1,
      });
    }
  });

  it('writes what is not a pulse to the dead letters, bytes unchanged, and continues', async () => {
    const bad: [string, Buffer][] = [
      ['not_json', Buffer.from('not json')],
      ['invalid_utf8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])],
      [
        'duplicate_key',
        Buffer.from('{"tenant_id":"a","tenant_id":"a","product_sku":"s","used_ammount":1,"use_unity":"u"}'),
      ],
      ['number_out_of_range', Buffer.from(pulseLine({ tenant: 'a', sku: 's', unit: 'u', amount: '1e400' }))],
    ];
    const good = pulseLine({ tenant: 'after', sku: 's', unit: 'u', amount: '1' });
    await sendText(
      system.port,
      Buffer.concat([
        Buffer.from('sink-connector_source.pulses\n'),
        ...bad.flatMap(([, line]) => [line, Buffer.from('\n')]),
        Buffer.from(`${good}\n`),
      ]),
    );
    await readLines(system.port, topicsOf('after').grouped, 1);
    const letters = (await readLines(system.port, 'source.pulses.dead-letter', bad.length)).map(
      (line) => JSON.parse(line) as { source_offset: number; reason: string; raw: string },
    );
    expect(letters.map(({ source_offset, reason, raw }) => [source_offset, reason, raw])).toEqual(
      bad.map(([reason, line], offset) => [offset, reason, line.toString('base64')]),
    );
  });

  it('refuses a second group, which would publish every output again', async () => {
    await publishLines(system.port, 'source.pulses', PULSES.map(pulseLine));
    await readLines(system.port, topicsOf('acme').grouped, 3);
    const other = startApp({
      app: 'ingestor',
      args: [`--port=${system.port}`, '--http-port=0', '--group=day', '--log-level=silent'],
    });
    expect(await other.exited).toEqual({ code: 2, signal: null });
    expect(other.stderr).toMatch(/^ingestor: --group: 'day' .*'ingestor'.*\n$/);
  });

  it('starts from nothing when all topics are deleted under load', async () => {
    const generate = (args: readonly string[]) =>
      startApp({ app: 'stub-generator', args: [`--port=${system.port}`, ...args] });
    const load = generate(['--rate=5000', '--tenants=200']);
    await readLines(system.port, 'tenants.tenant-1.grouped.pulses', 1);
    for (let round = 0; round < 3; round += 1) {
      await generate(['--clean', '--count=1', '--rate=max']).exited;
      await readLines(system.port, 'tenants.tenant-1.grouped.pulses', 1);
    }
    await load.stop();
    const audit = startApp({ app: 'cli', args: ['audit', `--port=${system.port}`] });
    expect({ ...(await audit.exited), stderr: audit.stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  });

  it('dead-letters a message of 4 MiB whole', async () => {
    const long = 'x'.repeat(4 * 1024 * 1024);
    await publishLines(system.port, 'source.pulses', [long]);
    const [letter = ''] = await readLines(system.port, 'source.pulses.dead-letter', 1);
    const { reason, raw } = JSON.parse(letter) as { reason: string; raw: string };
    expect(reason).toBe('line_too_long');
    expect(Buffer.from(raw, 'base64').equals(Buffer.from(long))).toBe(true);
  });
});

function topicOfLine(line: string): string {
  const { tenant_id } = JSON.parse(line) as { tenant_id: string };
  return encodeURIComponent(tenant_id).replaceAll('.', '%2E');
}

function pulseCount(aggregated: readonly string[]): number {
  return aggregated.reduce((count, line) => count + (JSON.parse(line) as { pulse_count: number }).pulse_count, 0);
}
