// The memory that the kernel in WebAssembly shares with its owner: one allocation, laid out once, of a fixed size.
//
// Pages that are never touched cost nothing, so the places for the largest window are there from the start, and no view ever
// moves. `PLACES` gives the order in which assembly/memory.ts takes them over.

import { AMOUNT_LIMBS } from '@pulses/shared-pulse-model';
import { linesMaxOf, type LineMemory } from '../commits/line-stage';
import { entriesMaxOf, KEPT_KEYS_MAX, KEPT_TEXT_BYTES_MAX } from '../windows/key-space';
import type { DeltaMemory } from './delta-accumulator';
import type { IngestKernelOptions } from './ingest-kernel';

/** Source bytes and messages that are handed over at a time. */
export const INPUT_BYTES_MAX = 256 * 1024;
export const INPUT_MESSAGES_MAX = 8 * 1024;
/** The most slots of the key table, which is at most half full. */
const SLOTS_MAX = 2 * KEPT_KEYS_MAX;
const SLOT_BYTES = 8;
/** An entry is its head and its fields, in multiples of 64. */
const ENTRY_OVERHEAD_BYTES = 32 + 63;
/** Behind texts and lines: some loads and stores reach further than they need to. */
const MARGIN_BYTES = 512;
const ALIGNMENT = 64;
const PAGE_BYTES = 64 * 1024;
/** Nothing lies at 0, which stands for nothing. */
const FIRST_PLACE = 1024;

/** Number of the counters: the first two are those of LineMemory, the third that of DeltaMemory. */
const COUNTERS = { lines: 0, rows: 2, stop: 3, entry: 4, count: 5 } as const;
const RUN_INTS = 3;
/** Two stores of 16 bytes. */
const LINE_END_BYTES_MAX = 32;

const PLACES = [
  'counters',
  'tokens',
  'masks',
  'powers',
  'coefficients',
  'lineStart',
  'lineMiddle',
  'lineEnd',
  'ends',
  'lines',
  'lineEnds',
  'lineTenants',
  'grouped',
  'tenantLines',
  'tenantBytes',
  'runs',
  'rowIds',
  'rowLimbs',
  'rowCounts',
  'rowFirstMs',
  'rowLastMs',
  'rowOf',
  'bindings',
  'slots',
] as const;

type Place = (typeof PLACES)[number] | 'block' | 'input' | 'entries';

export class KernelMemory {
  readonly memory: WebAssembly.Memory;
  readonly bytes: Buffer;
  readonly lines: LineMemory;
  readonly rows: DeltaMemory;
  readonly bindings: Int32Array;
  readonly ends: Int32Array;
  /** By run: tenant, lines, bytes. */
  readonly runs: Uint32Array;
  readonly #places: ReadonlyMap<Place, number>;
  readonly #sizes: ReadonlyMap<Place, number>;
  readonly #counters: Int32Array;

  constructor({ commitBytes, deltaRowsMax, openKeysMax }: IngestKernelOptions['limits']) {
    const linesMax = linesMaxOf(commitBytes);
    const entriesMax = entriesMaxOf(openKeysMax);
    const sizes: Record<Place, number> = {
      block: 4 * PLACES.length,
      counters: 4 * COUNTERS.count,
      tokens: 8 * 48,
      masks: 16 * 16,
      powers: 16 * 8,
      coefficients: 256 * 8,
      lineStart: 80,
      lineMiddle: 80,
      lineEnd: LINE_END_BYTES_MAX,
      input: INPUT_BYTES_MAX + MARGIN_BYTES,
      ends: 4 * INPUT_MESSAGES_MAX,
      lines: commitBytes + MARGIN_BYTES,
      lineEnds: 4 * linesMax,
      lineTenants: 4 * linesMax,
      grouped: commitBytes,
      runs: 4 * RUN_INTS * linesMax,
      rowIds: 4 * deltaRowsMax,
      rowLimbs: 8 * AMOUNT_LIMBS * deltaRowsMax,
      rowCounts: 8 * deltaRowsMax,
      rowFirstMs: 8 * deltaRowsMax,
      rowLastMs: 8 * deltaRowsMax,
      rowOf: 4 * openKeysMax,
      tenantLines: 4 * entriesMax,
      tenantBytes: 4 * entriesMax,
      bindings: 4 * entriesMax,
      slots: SLOT_BYTES * SLOTS_MAX,
      entries: KEPT_TEXT_BYTES_MAX + KEPT_KEYS_MAX * ENTRY_OVERHEAD_BYTES + MARGIN_BYTES,
    };
    this.#sizes = new Map(Object.entries(sizes) as [Place, number][]);
    const places = new Map<Place, number>();
    let end = FIRST_PLACE;
    for (const [place, size] of this.#sizes) {
      places.set(place, end);
      end += Math.ceil(size / ALIGNMENT) * ALIGNMENT;
    }
    this.#places = places;
    const pages = Math.ceil(end / PAGE_BYTES);
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    this.bytes = Buffer.from(this.memory.buffer);
    this.#counters = this.#ints('counters');
    this.lines = {
      bytes: this.bytes.subarray(this.placeOf('lines'), this.endOf('lines')),
      ends: this.#ints('lineEnds'),
      tenants: this.#ints('lineTenants'),
      counters: this.#counters.subarray(COUNTERS.lines, COUNTERS.rows),
    };
    this.rows = {
      ids: this.#ints('rowIds'),
      limbs: this.#doubles('rowLimbs'),
      counts: this.#doubles('rowCounts'),
      firstSeenMs: this.#doubles('rowFirstMs'),
      lastSeenMs: this.#doubles('rowLastMs'),
      rowOf: this.#ints('rowOf'),
      counters: this.#counters.subarray(COUNTERS.rows, COUNTERS.stop),
    };
    this.bindings = this.#ints('bindings');
    this.ends = this.#ints('ends');
    this.runs = new Uint32Array(this.memory.buffer, this.placeOf('runs'), RUN_INTS * linesMax);
    const block = this.#ints('block');
    for (const [index, place] of PLACES.entries()) block[index] = this.placeOf(place);
  }

  placeOf(place: Place): number {
    return this.#places.get(place) as number;
  }

  /** Place behind it. */
  endOf(place: Place): number {
    return this.placeOf(place) + (this.#sizes.get(place) as number);
  }

  /** Puts in how lines end; answers its length. @throws TypeError for one without room */
  writeLineEnd(text: Uint8Array): number {
    if (text.byteLength > LINE_END_BYTES_MAX) throw new TypeError(`a line's end has ${text.byteLength} bytes`);
    this.bytes.set(text, this.placeOf('lineEnd'));
    return text.byteLength;
  }

  /** Why the last `take` stopped. */
  get stop(): number {
    return this.#counters[COUNTERS.stop] as number;
  }

  /** The entry without an id, when that is why it stopped. */
  get stopEntry(): number {
    return this.#counters[COUNTERS.entry] as number;
  }

  #ints(place: Place): Int32Array {
    return new Int32Array(this.memory.buffer, this.placeOf(place), (this.#sizes.get(place) as number) / 4);
  }

  #doubles(place: Place): Float64Array {
    return new Float64Array(this.memory.buffer, this.placeOf(place), (this.#sizes.get(place) as number) / 8);
  }
}
