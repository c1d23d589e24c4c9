// Checks everything that an ingestor has written against the source log, with plain JSON and BigInt.
//
// It finds a missing, doubled, reordered or changed grouped line or dead letter. It finds a window that is lost, split,
// emitted twice or overlaps another. It finds a sum or count that is not exact, and log time that runs backwards.

import { startApp } from '@pulses/testing-processes';
import { exactUnits, numberText } from '@pulses/testing-system';
import { readLines, subscribe } from './line-client';

const DIFFERENCES_TOLD = 20;

interface Expected {
  readonly offset: number;
  /** Undefined for what is no pulse. */
  readonly pulse: { readonly key: string; readonly topicTenant: string; readonly units: bigint } | undefined;
  readonly line: string;
}

interface Window {
  readonly startS: number;
  readonly endS: number;
  readonly from: number;
  readonly to: number;
  readonly sums: Map<string, { units: bigint; count: number }>;
}

type Fields = Record<string, string>;

export interface WholeCheck {
  /** What is wrong, the first of it; empty when nothing is. */
  readonly differences: readonly string[];
  readonly sourceLines: readonly string[];
  readonly groupedCount: number;
  readonly windowCount: number;
}

const SOURCE = 'source.pulses';
/** What `pulses cat` says when retention overtakes it. */
const TRIMMED = /before they were read|is no longer kept/;

/**
 * Waits until the first `count` messages of the source have all their outputs, and compares these. Nothing may be
 * published meanwhile, and log time has to pass the last window's end.
 */
export async function checkWhole(port: number, count: number): Promise<WholeCheck> {
  const sourceLines = await readLines(port, SOURCE, count);
  return await compareWhole(port, sourceLines, new Map([[SOURCE, count]]));
}

/** The same for a source whose first messages retention may have removed: `published` has them all. */
export async function checkTrimmed(
  port: number,
  published: readonly string[],
): Promise<WholeCheck & { readonly firstOffset: number }> {
  const checked = await compareWhole(port, published, new Map());
  const sourceLines = await readKept(port);
  return { ...checked, sourceLines, firstOffset: published.length - sourceLines.length };
}

/** All that retention has left of the source. A read that it overtakes is refused and begins again. */
async function readKept(port: number): Promise<string[]> {
  for (;;) {
    const app = startApp({ app: 'cli', args: ['cat', SOURCE, `--port=${port}`] });
    const { code } = await app.exited;
    if (code === 0) return app.stdout.split('\n').slice(0, -1);
    if (!TRIMMED.test(app.stderr)) throw new Error(`cat ended with ${code}:\n${app.stderr}`);
  }
}

async function compareWhole(
  port: number,
  sourceLines: readonly string[],
  counts: Map<string, number>,
): Promise<WholeCheck> {
  const expected = sourceLines.map(expectedOf);
  const byTenant = new Map<string, Expected[]>();
  for (const one of expected) {
    if (one.pulse === undefined) continue;
    const list = byTenant.get(one.pulse.topicTenant);
    if (list === undefined) byTenant.set(one.pulse.topicTenant, [one]);
    else list.push(one);
  }
  const differences: string[] = [];
  const timestamps = new Map<number, number>();
  const windows = new Map<number, Window>();
  let groupedCount = 0;
  for (const [tenant, pulses] of byTenant) {
    const groupedTopic = `tenants.${tenant}.grouped.pulses`;
    const aggregatedTopic = `tenants.${tenant}.aggregated.pulses.amount`;
    const grouped = await readLines(port, groupedTopic, pulses.length);
    counts.set(groupedTopic, grouped.length);
    groupedCount += grouped.length;
    compareGrouped(groupedTopic, grouped, pulses, timestamps, differences);
    const aggregated = await readSums(port, aggregatedTopic, pulses.length);
    counts.set(aggregatedTopic, aggregated.length);
    for (const line of aggregated) addToWindow(aggregatedTopic, line, windows, differences);
  }
  const bad = expected.filter(({ pulse }) => pulse === undefined);
  if (bad.length > 0) {
    const topic = `${SOURCE}.dead-letter`;
    const letters = await readLines(port, topic, bad.length);
    counts.set(topic, letters.length);
    compareLists(
      topic,
      letters.map(letterText),
      bad.map(({ offset, line }) => `${offset} ${line}`),
      differences,
    );
  }
  compareWindows(expected, windows, timestamps, differences);
  compareTime(timestamps, differences);
  await compareCounts(port, counts, differences);
  return { differences: differences.slice(0, DIFFERENCES_TOLD), sourceLines, groupedCount, windowCount: windows.size };
}

function expectedOf(line: string, offset: number): Expected {
  if (!line.startsWith('{')) return { offset, line, pulse: undefined };
  const { tenant_id, product_sku, use_unity } = JSON.parse(line) as Fields;
  const pulse = {
    key: JSON.stringify([tenant_id, product_sku, use_unity]),
    topicTenant: encodeURIComponent(tenant_id ?? '').replaceAll('.', '%2E'),
    units: exactUnits(numberText(line, 'used_ammount')),
  };
  return { offset, line, pulse };
}

/** Reads until the lines count as many pulses. */
async function readSums(port: number, topic: string, pulseCount: number): Promise<string[]> {
  const subscription = subscribe(port, topic);
  let counted = 0;
  let seen = 0;
  try {
    return await subscription.until((lines) => {
      for (; seen < lines.length; seen += 1) counted += Number(numberText(lines[seen]!, 'pulse_count')); // seen < length
      return counted >= pulseCount;
    });
  } finally {
    subscription.close();
  }
}

function compareGrouped(
  topic: string,
  lines: readonly string[],
  pulses: readonly Expected[],
  timestamps: Map<number, number>,
  differences: string[],
): void {
  const told = lines.map((line) => {
    const { tenant_id, product_sku, use_unit, timestamp } = JSON.parse(line) as Fields;
    const offset = Number(numberText(line, 'source_offset'));
    timestamps.set(offset, Number(timestamp));
    return `${offset} ${JSON.stringify([tenant_id, product_sku, use_unit])} ${exactUnits(numberText(line, 'used_amount'))}`;
  });
  compareLists(
    topic,
    told,
    pulses.map(({ offset, pulse }) => `${offset} ${pulse?.key} ${pulse?.units}`),
    differences,
  );
  const ids = new Set(lines.map((line) => (JSON.parse(line) as Fields)['object_id']));
  if (ids.size !== lines.length) differences.push(`${topic}: ${lines.length} lines have ${ids.size} ids`);
}

function compareLists(
  topic: string,
  told: readonly string[],
  expected: readonly string[],
  differences: string[],
): void {
  const at = expected.findIndex((line, index) => told[index] !== line);
  if (at >= 0) differences.push(`${topic}, line ${at}: '${told[at]}' for '${expected[at]}'`);
  else if (told.length > expected.length) differences.push(`${topic}: ${told.length - expected.length} lines too many`);
}

function letterText(line: string): string {
  const { source_offset, raw = '' } = JSON.parse(line) as Fields;
  return `${source_offset} ${Buffer.from(raw, 'base64').toString()}`;
}

function addToWindow(topic: string, line: string, windows: Map<number, Window>, differences: string[]): void {
  const fields = JSON.parse(line) as Fields & {
    window_start: number;
    window_end: number;
    source: { from_offset: number; to_offset: number };
  };
  const { window_start: startS, window_end: endS, source } = fields;
  const window = windows.get(startS) ?? {
    startS,
    endS,
    from: source.from_offset,
    to: source.to_offset,
    sums: new Map(),
  };
  windows.set(startS, window);
  if (window.endS !== endS || window.from !== source.from_offset || window.to !== source.to_offset)
    differences.push(`${topic}: the window from ${startS} is told in two ways: ${line}`);
  const key = JSON.stringify([fields['tenant_id'], fields['product_sku'], fields['use_unit']]);
  if (window.sums.has(key)) differences.push(`${topic}: the window from ${startS} has two sums for ${key}`);
  window.sums.set(key, {
    units: exactUnits(numberText(line, 'total_amount')),
    count: Number(numberText(line, 'pulse_count')),
  });
}

function compareWindows(
  expected: readonly Expected[],
  windows: ReadonlyMap<number, Window>,
  timestamps: ReadonlyMap<number, number>,
  differences: string[],
): void {
  let next = 0;
  for (const window of [...windows.values()].sort((left, right) => left.startS - right.startS)) {
    const name = `window from ${window.startS}`;
    // A window of dead letters alone has no sums.
    while (next < window.from && expected[next]?.pulse === undefined) next += 1;
    if (window.from !== next) differences.push(`${name} starts at offset ${window.from}, not ${next}`);
    next = window.to + 1;
    const sums = new Map<string, { units: bigint; count: number }>();
    for (const { offset, pulse } of expected.slice(window.from, next)) {
      if (pulse === undefined) continue;
      const { units, count } = sums.get(pulse.key) ?? { units: 0n, count: 0 };
      sums.set(pulse.key, { units: units + pulse.units, count: count + 1 });
      const timestamp = timestamps.get(offset) ?? NaN;
      if (!(timestamp >= Math.floor(window.startS) && timestamp < window.endS))
        differences.push(`${name} holds offset ${offset} of ${timestamp}`);
    }
    for (const key of new Set([...sums.keys(), ...window.sums.keys()])) {
      const [told, exact] = [window.sums.get(key), sums.get(key)];
      if (told?.units !== exact?.units || told?.count !== exact?.count)
        differences.push(
          `${name}, ${key}: ${told?.count} pulses, ${told?.units}, for ${exact?.count}, ${exact?.units}`,
        );
    }
  }
  for (const { offset, pulse } of expected.slice(next))
    if (pulse !== undefined) differences.push(`offset ${offset} is in no window`);
}

function compareTime(timestamps: ReadonlyMap<number, number>, differences: string[]): void {
  let last = -Infinity;
  for (const [offset, timestamp] of [...timestamps].sort(([left], [right]) => left - right)) {
    if (timestamp < last) differences.push(`log time runs backwards at offset ${offset}: ${timestamp} after ${last}`);
    last = timestamp;
  }
}

/** Nothing may have come behind what was read, to no topic of a pipeline. */
async function compareCounts(port: number, counts: ReadonlyMap<string, number>, differences: string[]): Promise<void> {
  const app = startApp({ app: 'cli', args: ['topics', `--port=${port}`, '--json'] });
  await app.exited;
  for (const line of app.stdout.split('\n').slice(0, -1)) {
    const { topic, messages } = JSON.parse(line) as { topic: string; messages: number };
    const isOurs = counts.has(topic) || topic.startsWith('tenants.') || topic.endsWith('.dead-letter');
    if (isOurs && counts.get(topic) !== messages)
      differences.push(`${topic} holds ${messages} messages, ${counts.get(topic)} were read`);
  }
}
