// The kernel in WebAssembly: takes usual pulses with known keys itself, and hands every other message to the definition.
//
// Both work on the same memory, so a message that the definition takes stands between its neighbours. Keys get to know the
// kernel when the definition has met them; it keeps them from window to window, as long as the dictionary does. Bounds: as
// many keys as a dictionary that is kept; a window's further keys are left to the definition.

import type { SourceRecords } from '@pulses/connector-api';
import type { Random } from '@pulses/shared-ports';
import { writeInteger } from '@pulses/shared-pulse-model';
import type { GroupLines } from '../commits/line-stage';
import type { OutputBatch } from '../commits/output-batch';
import type { KeyDictionary } from '../windows/key-dictionary';
import { KEPT_KEYS_MAX } from '../windows/key-space';
import type { OpenWindow } from '../windows/open-window';
import { createDefinitionKernel, DefinitionKernel } from './definition-kernel';
import type { DeltaAccumulator } from './delta-accumulator';
import type { IngestKernel, IngestKernelOptions } from './ingest-kernel';
import { INPUT_BYTES_MAX, INPUT_MESSAGES_MAX, type KernelMemory } from './kernel-memory';
import { hasKernel, type KernelExports } from './kernel-module';
import { KernelPool } from './kernel-pool';
import { writeTables } from './kernel-tables';

/** Why `take` of the kernel stopped before a message. */
const STOP = {
  /** All are taken. */
  none: 0,
  /** The message is not usual, or its key is not known. */
  unusual: 1,
  /** The window does not have its key yet. */
  unbound: 2,
  /** The lines or the rows are full. */
  full: 3,
} as const;

/** Key fields without their labels. */
const FIELDS_OVERHEAD_BYTES = '"tenant_id":"","product_sku":"","use_unit":""'.length;

const pool = new KernelPool();

export interface WasmKernelOptions extends IngestKernelOptions {
  /** Seeds a hash; it changes no output. */
  readonly random: Random;
  /** The most keys of its table; KEPT_KEYS_MAX when absent. */
  readonly knownKeysMax?: number;
}

export class WasmKernel implements IngestKernel {
  readonly name = 'wasm';
  readonly #definition: DefinitionKernel;
  readonly #memory: KernelMemory;
  readonly #exports: KernelExports;
  readonly #knownKeysMax: number;
  readonly #lineEndBytes: number;
  readonly #limits: IngestKernelOptions['limits'];
  readonly #resume: IngestKernelOptions['resume'];
  /** The dictionary of which the first `#knownEntries` are in the key table. */
  #dictionary: KeyDictionary | undefined;
  #knownEntries = 0;
  /** No further key of this dictionary is added. */
  #isFull = false;
  #leftCount = 0;

  constructor(options: WasmKernelOptions) {
    const { memory, exports } = pool.take(options.limits);
    const { lines, rows, bindings } = memory;
    this.#memory = memory;
    this.#exports = exports;
    this.#knownKeysMax = options.knownKeysMax ?? KEPT_KEYS_MAX;
    this.#limits = options.limits;
    this.#resume = options.resume;
    this.#definition = new DefinitionKernel(options, { lines, rows, bindings }, this.#groupLines());
    this.#lineEndBytes = writeTables(memory, options.source, options.random);
  }

  get batch(): OutputBatch {
    return this.#definition.batch;
  }

  get delta(): DeltaAccumulator {
    return this.#definition.delta;
  }

  get bindings(): Int32Array {
    return this.#definition.bindings;
  }

  get nextOffset(): number {
    return this.#definition.nextOffset;
  }

  /** Number of messages that were left to the definition. */
  get leftCount(): number {
    return this.#leftCount;
  }

  startWindow(window: OpenWindow, fromOffset: number): void {
    this.#definition.startWindow(window, fromOffset);
    const { dictionary } = window.keys;
    if (dictionary !== this.#dictionary) this.#forgetKeys(dictionary);
    this.#exports.startWindow();
    this.#learnKeys();
  }

  take(records: SourceRecords, index: number, window: OpenWindow): number {
    const middleBytes = this.#writeMiddle(records.timestampMs);
    let at = index;
    while (at < records.recordCount) {
      const loadedEnd = this.#load(records, at);
      const taken = this.#takeLoaded(records, at, loadedEnd, window, middleBytes);
      if (taken < loadedEnd) return taken;
      at = taken;
      if (loadedEnd < records.recordCount && this.#isTooLong(records, at)) {
        at = this.#takeByDefinition(records, at, window);
        if (at === taken) return at;
      }
    }
    return at;
  }

  close(): void {
    this.#definition.close();
    this.#memory.bindings.fill(0, 0, this.#dictionary?.size ?? 0);
    pool.giveBack(this.#limits, { memory: this.#memory, exports: this.#exports });
  }

  /** Takes loaded messages; answers the first one without room, or `loadedEnd`. */
  #takeLoaded(
    records: SourceRecords,
    index: number,
    loadedEnd: number,
    window: OpenWindow,
    middleBytes: number,
  ): number {
    let at = index;
    while (at < loadedEnd) {
      at = this.#run(records, index, at, loadedEnd, middleBytes);
      this.#definition.advanceTo(records.baseOffset + at, window);
      const { stop, stopEntry } = this.#memory;
      if (stop === STOP.full) return at;
      if (stop === STOP.unbound) window.bind(stopEntry);
      else if (stop === STOP.unusual) {
        const next = this.#takeByDefinition(records, at, window);
        if (next === at) return at;
        at = next;
      }
    }
    return at;
  }

  /** Lets the kernel take messages from `at` on, up to the next offset where its work changes. */
  #run(records: SourceRecords, loadedFrom: number, at: number, loadedEnd: number, middleBytes: number): number {
    const { ends, gap, baseOffset, timestampMs } = records;
    const { groupedOffset, summedOffset } = this.#resume;
    const { batch, delta } = this.#definition;
    const offset = baseOffset + at;
    const writes = offset >= groupedOffset;
    const sums = offset >= summedOffset;
    let to = loadedEnd;
    if (!writes) to = Math.min(to, groupedOffset - baseOffset);
    if (!sums) to = Math.min(to, summedOffset - baseOffset);
    const shift = this.#memory.placeOf('input') - startOf(records, loadedFrom);
    return (
      this.#exports.take(
        at - loadedFrom,
        to - loadedFrom,
        at === 0 ? records.start + shift : (ends[at - 1] as number) + gap + shift,
        shift,
        gap,
        offset,
        timestampMs,
        Number(writes),
        Number(sums),
        Math.max(0, batch.roomEnd),
        delta.ids.length,
        middleBytes,
        this.#lineEndBytes,
      ) + loadedFrom
    );
  }

  #takeByDefinition(records: SourceRecords, at: number, window: OpenWindow): number {
    const next = this.#definition.takeUpTo(records, at, at + 1, window);
    this.#learnKeys();
    this.#leftCount += next - at;
    return next;
  }

  /** Copies messages from `index` on into the kernel's memory, as many as fit; answers the index behind them. */
  #load({ bytes, ends, start, gap, recordCount }: SourceRecords, index: number): number {
    const from = index === 0 ? start : (ends[index - 1] as number) + gap;
    const countMax = Math.min(recordCount, index + INPUT_MESSAGES_MAX);
    // Ends only grow, so the last one within the limit is found by halving.
    let [low, high] = [index, countMax];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((ends[middle] as number) - from <= INPUT_BYTES_MAX) low = middle + 1;
      else high = middle;
    }
    if (low > index) {
      this.#memory.bytes.set(bytes.subarray(from, ends[low - 1]), this.#memory.placeOf('input'));
      this.#memory.ends.set(ends.subarray(index, low));
    }
    return low;
  }

  /** True for a message that the kernel's memory has no room for. */
  #isTooLong(records: SourceRecords, index: number): boolean {
    return (records.ends[index] as number) - startOf(records, index) > INPUT_BYTES_MAX;
  }

  /** What stands in a line between amount and offset; answers its length. */
  #writeMiddle(timestampMs: number): number {
    const { bytes } = this.#memory;
    const start = this.#memory.placeOf('lineMiddle');
    const at = start + bytes.write(',"timestamp":', start, 'latin1');
    const behind = writeInteger(Math.floor(timestampMs / 1000), bytes, at);
    return behind + bytes.write(',"source_offset":', behind, 'latin1') - start;
  }

  #groupLines(): GroupLines {
    return ({ counters }, target) => {
      const { bytes, runs } = this.#memory;
      const grouped = this.#memory.placeOf('grouped');
      const runCount = this.#exports.group();
      target.set(bytes.subarray(grouped, grouped + (counters[1] as number)));
      const [indexes, counts, lengths] = [
        new Uint32Array(runCount),
        new Uint32Array(runCount),
        new Uint32Array(runCount),
      ];
      for (let run = 0; run < runCount; run += 1) {
        indexes[run] = runs[3 * run] as number;
        counts[run] = runs[3 * run + 1] as number;
        lengths[run] = runs[3 * run + 2] as number;
      }
      return { indexes, counts, lengths };
    };
  }

  #forgetKeys(dictionary: KeyDictionary): void {
    this.#exports.resetKeys(this.#memory.placeOf('entries'), this.#memory.endOf('entries'));
    this.#dictionary = dictionary;
    this.#knownEntries = 0;
    this.#isFull = false;
  }

  /** Adds the keys that the dictionary has got, while there is room. */
  #learnKeys(): void {
    const dictionary = this.#dictionary;
    if (dictionary === undefined) return;
    for (; this.#knownEntries < dictionary.size && !this.#isFull; this.#knownEntries += 1)
      this.#isFull = this.#knownEntries === this.#knownKeysMax || !this.#learnKey(dictionary, this.#knownEntries);
  }

  /** False when the key table has no room. */
  #learnKey(dictionary: KeyDictionary, entry: number): boolean {
    const { fields } = dictionary;
    const key = dictionary.bytesOf(entry);
    const tenantBytes = lengthAt(key, 0);
    const skuBytes = lengthAt(key, 2 + tenantBytes);
    const unitBytes = lengthAt(key, 4 + tenantBytes + skuBytes);
    const fieldsBytes = fields.lengthOf(entry);
    // A label that stands escaped in the fields has a character that no usual line has.
    if (fieldsBytes !== FIELDS_OVERHEAD_BYTES + tenantBytes + skuBytes + unitBytes) return true;
    const place = this.#exports.placeOfFields(fieldsBytes);
    if (place === 0) return false;
    fields.write(entry, this.#memory.bytes, place);
    this.#exports.addKey(tenantBytes, skuBytes, unitBytes, entry, dictionary.tenantOf(entry), fieldsBytes);
    return true;
  }
}

function lengthAt(key: Uint8Array, at: number): number {
  return (key[at] as number) | ((key[at + 1] as number) << 8);
}

function startOf({ start, ends, gap }: SourceRecords, index: number): number {
  return index === 0 ? start : (ends[index - 1] as number) + gap;
}

/** The fastest kernel that this machine can run. */
export function createIngestKernel(options: WasmKernelOptions): IngestKernel {
  return hasKernel ? new WasmKernel(options) : createDefinitionKernel(options);
}
