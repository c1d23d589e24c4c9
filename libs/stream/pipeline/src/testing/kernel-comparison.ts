// Feeds the same source to two kernels and compares everything that they do: lines, dead letters, sums, keys, stops.

import { type SourceRecords, tenantOutputs } from '@pulses/connector-api';
import type { Random } from '@pulses/shared-ports';
import { createDefinitionKernel } from '../kernel/definition-kernel';
import type { IngestKernel, IngestKernelOptions } from '../kernel/ingest-kernel';
import { WasmKernel } from '../kernel/wasm-kernel';
import { COMMIT_BYTES_MIN } from '../options';
import { KeySpace } from '../windows/key-space';
import { OpenWindow } from '../windows/open-window';
import { SOURCE } from './filled-window';
import { PulseLines } from './pulse-lines';

const T0 = 1_700_000_000_000;
const WINDOW_MS = 5_000;
const OPEN_KEYS_MAX = 20_000;
/** Bytes between messages: none of them may be taken for a part of one. */
const GAPS = ['', '\n', '\r\n', '}', '"', '0', '00', ',"x":1}\n', '\u0000'];
const FIRST_OFFSETS = [0, 9, 255, 65_530, 2 ** 31 - 5, 2 ** 32 - 5, 2 ** 40, 2 ** 52];

interface Side {
  readonly kernel: IngestKernel;
  readonly keySpace: KeySpace;
  readonly target: Buffer;
  window: OpenWindow;
}

/**
 * Draws `lineCount` lines and lets both kernels take them, in sessions, windows, batches and layouts drawn at random.
 * @throws Error with what differs, and the line where it does
 */
export function compareKernels(random: Random, lineCount: number): void {
  for (let left = lineCount; left > 0;) {
    const count = Math.min(left, 1 + below(random, 20_000));
    compareSession(random, count);
    left -= count;
  }
}

function below(random: Random, count: number): number {
  return Math.floor(random.fraction() * count);
}

function oneOf<Item>(random: Random, items: readonly Item[]): Item {
  return items[below(random, items.length)] as Item;
}

function compareSession(random: Random, lineCount: number): void {
  const tenants = oneOf(random, [1, 10, 1000]);
  const lines = new PulseLines({
    random,
    tenants,
    skus: oneOf(random, [1, 5, 50]),
    usualShare: oneOf(random, [0, 0.5, 0.9, 0.99, 1]),
  });
  const readFrom = oneOf(random, FIRST_OFFSETS);
  const ahead = (): number => readFrom + oneOf(random, [0, 0, below(random, lineCount)]);
  const partition = oneOf(random, [undefined, 0, 12, 2 ** 31 - 1]);
  const options: IngestKernelOptions = {
    source: partition === undefined ? SOURCE : { ...SOURCE, partition },
    resume: { readFrom, groupedOffset: ahead(), summedOffset: ahead() },
    limits: {
      commitBytes: oneOf(random, [COMMIT_BYTES_MIN, 8 * COMMIT_BYTES_MIN, 1024 * 1024]),
      deltaRowsMax: oneOf(random, [1, 7, 1000, OPEN_KEYS_MAX]),
      openKeysMax: OPEN_KEYS_MAX,
    },
  };
  const keptKeysMax = oneOf(random, [0, 20, 100_000]);
  const knownKeysMax = oneOf(random, [0, 10, 100_000]);
  // With such a hash all keys collide, so that their bytes alone tell them apart.
  const hashRandom = tenants === 1 ? { ...random, bytes: (count: number) => new Uint8Array(count) } : random;
  const wasm = new WasmKernel({ ...options, random: hashRandom, knownKeysMax });
  const sides = [createDefinitionKernel(options), wasm].map((kernel): Side => {
    const { bindings } = kernel;
    const keySpace = new KeySpace({ bindings, openKeysMax: OPEN_KEYS_MAX, random, keptKeysMax });
    const window = openWindow(keySpace, 0, readFrom);
    kernel.startWindow(window, options.resume.summedOffset);
    return { kernel, keySpace, target: Buffer.allocUnsafe(options.limits.commitBytes), window };
  }) as [Side, Side];
  const gapShare = oneOf(random, [0, 0.3]);
  let timestampMs = T0;
  let skipped = 0;
  for (let taken = 0; taken < lineCount;) {
    const count = Math.min(lineCount - taken, 1 + below(random, oneOf(random, [3, 200, 4000])));
    timestampMs += below(random, 1_500);
    if (random.fraction() < gapShare) skipped += 1 + below(random, 1_000);
    const records = drawRecords(random, lines, readFrom + skipped + taken, timestampMs, count);
    if (timestampMs >= sides[0].window.endMs)
      for (const side of sides) {
        if (side.kernel.delta.length > 0) side.kernel.delta.clear();
        const window = openWindow(side.keySpace, timestampMs - T0, records.baseOffset);
        side.kernel.startWindow(window, records.baseOffset);
        side.window = window;
      }
    compareRecords(random, sides, records);
    taken += count;
  }
  compareOutputs(sides, 'at the end');
  for (const { kernel } of sides) kernel.close();
}

function openWindow(keySpace: KeySpace, afterMs: number, fromOffset: number): OpenWindow {
  const startMs = T0 + afterMs - (afterMs % WINDOW_MS);
  return new OpenWindow({ startMs, windowMs: WINDOW_MS, fromOffset, emittedKeys: 0, keys: keySpace.startWindow() });
}

function drawRecords(
  random: Random,
  lines: PulseLines,
  baseOffset: number,
  timestampMs: number,
  recordCount: number,
): SourceRecords {
  const separator = Buffer.from(oneOf(random, GAPS));
  const before = Buffer.from(oneOf(random, GAPS));
  const ends = new Int32Array(recordCount + below(random, 3));
  const parts: Buffer[] = [before];
  let at = before.byteLength;
  for (let index = 0; index < recordCount; index += 1) {
    const line = lines.next();
    parts.push(line, separator);
    at += line.byteLength;
    ends[index] = at;
    at += separator.byteLength;
  }
  return {
    kind: 'records',
    baseOffset,
    recordCount,
    timestampMs,
    bytes: Buffer.concat(parts),
    start: before.byteLength,
    ends,
    gap: separator.byteLength,
  };
}

function compareRecords(random: Random, sides: [Side, Side], records: SourceRecords): void {
  for (let index = 0; index < records.recordCount;) {
    const [left, right] = sides.map(({ kernel, window }) => kernel.take(records, index, window)) as [number, number];
    if (left !== right) throw difference(`taken up to ${left} and ${right}`, records, Math.min(left, right));
    index = left;
    if (index === records.recordCount && random.fraction() < 0.5) continue;
    compareOutputs(sides, `taken up to ${index}`);
    for (const { kernel } of sides) kernel.delta.clear();
  }
}

function difference(what: string, { bytes, start, ends, gap }: SourceRecords, index: number): Error {
  const from = index === 0 ? start : (ends[index - 1] as number) + gap;
  return new Error(`${what}: ${JSON.stringify(Buffer.from(bytes.subarray(from, ends[index])).toString('latin1'))}`);
}

/** Compares and takes out what both have, and compares their sums and keys. */
function compareOutputs(sides: [Side, Side], when: string): void {
  const check = (what: string, left: Uint8Array, right: Uint8Array): void => {
    if (Buffer.compare(left, right) === 0) return;
    const at = left.findIndex((byte, index) => byte !== right[index]);
    const near = (bytes: Uint8Array): string =>
      JSON.stringify(Buffer.from(bytes.subarray(Math.max(0, at - 250), at + 100)).toString('latin1'));
    throw new Error(`${what} differ ${when}, at ${at}:\n${near(left)}\n${near(right)}`);
  };
  const [left, right] = sides.map(stateOf) as [ReturnType<typeof stateOf>, ReturnType<typeof stateOf>];
  for (const [what, bytes] of Object.entries(left)) check(what, bytes, right[what as keyof typeof right]);
}

/** Everything that a kernel holds, as bytes. */
function stateOf({ kernel, window, target }: Side) {
  const { delta, batch } = kernel;
  const { length } = delta;
  const bytesOf = (column: Int32Array | Float64Array, count: number): Buffer =>
    Buffer.from(column.buffer, column.byteOffset, count * column.BYTES_PER_ELEMENT);
  const reasons = batch.reasons.join();
  const lineEnds = Buffer.from(bytesOf(batch.lines.memory.ends, batch.lines.length));
  const lines = Buffer.from(batch.lines.memory.bytes.subarray(0, batch.lines.usedBytes));
  const { grouped, deadLetters } = batch.finish(window.tenants, target);
  return {
    lines,
    'line ends': lineEnds,
    'grouped lines': Buffer.from(grouped?.payload ?? []),
    runs: Buffer.from(
      JSON.stringify(tenantOutputs(grouped).map((run) => [run.tenant, run.recordCount, run.payload.byteLength])),
    ),
    'dead letters': Buffer.from(deadLetters?.payload ?? []),
    reasons: Buffer.from(reasons),
    ids: bytesOf(delta.ids, length),
    sums: bytesOf(delta.limbs, 4 * length),
    counts: bytesOf(delta.counts, length),
    'first times': bytesOf(delta.firstSeenMs, length),
    'last times': bytesOf(delta.lastSeenMs, length),
    keys: Buffer.concat(Array.from({ length }, (_, row) => window.keys.bytesOf(delta.ids[row] as number))),
    offsets: Buffer.from(`${delta.fromOffset} ${delta.nextOffset} ${kernel.nextOffset} ${window.nextOffset}`),
    'key count': Buffer.from(`${window.keys.size}`),
  };
}
