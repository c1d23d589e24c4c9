// What a frame holds beside its rows: everything that is rare. Each entry is its kind in one byte, and fields.
//
// Guarantees: what `writeEntry` writes, `readEntry` gives back; anything else throws FieldError.

import {
  FieldError,
  fieldsOf,
  id,
  list,
  str,
  struct,
  u16,
  u32,
  u64,
  u8,
  type FieldReader,
  type FieldWriter,
  type StructOf,
  type ValueOf,
} from '@pulses/shared-binary';

const position = struct({ name: str, offset: u64, revision: u64, metadata: str });

export type PositionSet = ValueOf<typeof position>;

const topicTrim = struct({
  topicId: u32,
  startOffset: u64,
  /** Bytes of the messages that are no longer kept. */
  bytesRemoved: u64,
  /** Timestamp of the first message still kept; 0 when none is. */
  firstTimestampMs: u64,
});

/** Retention: the messages of a topic before `startOffset` are no longer kept. */
export type TopicTrim = ValueOf<typeof topicTrim>;

const runKey = struct({ kind: u8, firstLsn: u64 });

/** A run among those of its log. */
export type RunKey = ValueOf<typeof runKey>;

/** By kind, which is stored as its number in this order, from 1. */
const ENTRIES = {
  /** Topics with ids from `firstId` on; before the rows. */
  'topics-created': { firstId: u32, names: list(str) },
  /** The stamp of the frame's one row. */
  produced: { stamp: struct({ id, epoch: u32, sequence: u64 }) },
  'positions-set': { group: str, topicId: u32, positions: list(position, Infinity, u16) },
  'topics-deleted': { topicIds: list(u32) },
  'group-epoch-set': { group: str, epoch: u32 },
  'producer-retired': { id, epoch: u32 },
  'topics-trimmed': { trims: list(topicTrim) },
  'outputs-claimed': { topicId: u32, group: str },
  'group-deleted': { group: str },
  'group-expired': { group: str },
  /** The messages of these frames are in runs, those of each kind of topics in one. */
  'runs-sealed': { firstLsn: u64, lastLsn: u64, runs: list(struct({ kind: u8, bytes: u64 }), Infinity, u8) },
  'runs-dropped': { runs: list(runKey) },
  'position-deleted': { group: str, topicId: u32, name: str },
  /** Producers that were not used for long, and are forgotten. */
  'producers-expired': { ids: list(id) },
};

export type Entry = {
  [Kind in keyof typeof ENTRIES]: { readonly kind: Kind } & StructOf<(typeof ENTRIES)[Kind]>;
}[keyof typeof ENTRIES];

const CODECS = Object.entries(ENTRIES).map(([kind, fields]) => ({ kind, ...fieldsOf(fields) }));
const NUMBERS = new Map<string, number>(CODECS.map(({ kind }, index) => [kind, index + 1]));

/** @throws RangeError when the writer's memory ends */
export function writeEntry(to: FieldWriter, entry: Entry): void {
  const number = NUMBERS.get(entry.kind)!; // every kind has one
  to.u8(number);
  CODECS[number - 1]!.write(to, entry, undefined);
}

/** @throws FieldError */
export function readEntry(from: FieldReader): Entry {
  const number = from.u8();
  const codec = CODECS[number - 1];
  if (codec === undefined) throw new FieldError(`unknown kind of entry ${number}`);
  const entry = { kind: codec.kind };
  codec.readInto(from, undefined, entry);
  return entry as Entry; // of the fields that its kind declares
}
