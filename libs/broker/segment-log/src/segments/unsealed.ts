// Where the messages lie that are in journal segments and not yet in runs, as columns.
//
// A *piece* is a row of a frame: messages of one topic that lie together. Pieces are numbered in the order of the journal,
// and each knows how far back the piece of its topic before it is, so a topic's pieces are walked from the newest on. No
// offset is stored: it follows from the topic's next offset and the counts.
//
// Guarantees: it holds durable frames alone. Bounds: 24 bytes a piece, 28 with its CRC, and 28 a frame.

import { crc32 } from 'node:zlib';
import { freeMemory } from '@pulses/broker-wire';
import type { PlacedFrame } from '../journal/journal';
import { grown } from '../topics/grown';
import { NO_ROW, type TopicTable } from '../topics/topic-table';

const SIZE_INITIAL = 64;

/** The pieces of one journal segment. */
export class UnsealedSegment {
  readonly firstLsn: number;
  /** Number of its first piece. */
  readonly firstPiece: number;
  #pieces = 0;
  #frames = 0;
  #end = 0;
  #lowestId = Infinity;
  #highestId = -1;
  /** By piece: topic id, messages, bytes, place in the segment, frame, distance to the topic's piece before (0: none). */
  #ids = new Uint32Array(SIZE_INITIAL);
  #counts = new Uint32Array(SIZE_INITIAL);
  #lengths = new Uint32Array(SIZE_INITIAL);
  #places = new Uint32Array(SIZE_INITIAL);
  #framesOf = new Uint32Array(SIZE_INITIAL);
  #distances = new Uint32Array(SIZE_INITIAL);
  /** By frame: first piece, payload. */
  #framePieces = new Uint32Array(SIZE_INITIAL);
  #framePlaces = new Uint32Array(SIZE_INITIAL);
  #frameLengths = new Uint32Array(SIZE_INITIAL);
  #frameCrcs = new Uint32Array(SIZE_INITIAL);
  #frameTimes = new Float64Array(SIZE_INITIAL);
  /** By frame that was read and found valid: the CRC of each of its pieces. */
  readonly #pieceCrcs = new Map<number, Uint32Array>();

  constructor(firstLsn: number, firstPiece: number) {
    this.firstLsn = firstLsn;
    this.firstPiece = firstPiece;
  }

  /** LSN of the last frame; below `firstLsn` when there is none. */
  get lastLsn(): number {
    return this.firstLsn + this.#frames - 1;
  }

  get pieces(): number {
    return this.#pieces;
  }

  get frames(): number {
    return this.#frames;
  }

  /** Where the last frame ends in the segment. */
  get end(): number {
    return this.#end;
  }

  /** No topic id of a piece is lower; none is higher than `highestId`. */
  get lowestId(): number {
    return this.#lowestId;
  }

  get highestId(): number {
    return this.#highestId;
  }

  get firstTimestampMs(): number {
    return this.#frames === 0 ? Infinity : this.#frameTimes[0]!; // it has one
  }

  add(frame: PlacedFrame, topics: TopicTable): void {
    const { rows, columns } = frame;
    if (this.#frames === this.#framePieces.length) this.#growFrames();
    while (this.#pieces + rows > this.#ids.length) this.#growPieces();
    this.#framePieces[this.#frames] = this.#pieces;
    this.#framePlaces[this.#frames] = frame.payloadAt;
    this.#frameLengths[this.#frames] = frame.payloadLength;
    this.#frameCrcs[this.#frames] = frame.payloadCrc;
    this.#frameTimes[this.#frames] = frame.timestampMs;
    this.#frames += 1;
    let place = frame.payloadAt;
    for (let index = 0; index < rows; index += 1) {
      const id = columns[index]!; // three columns
      const count = columns[rows + index]!;
      const length = columns[2 * rows + index]!;
      const at = this.#pieces;
      const piece = this.firstPiece + at;
      if (id < this.#lowestId) this.#lowestId = id;
      if (id > this.#highestId) this.#highestId = id;
      const row = topics.rowOf(id);
      // The topic may be deleted by a later frame that is applied already.
      const before = row === NO_ROW ? -1 : topics.addPiece(row, piece, count);
      this.#ids[at] = id;
      this.#counts[at] = count;
      this.#lengths[at] = length;
      this.#places[at] = place;
      this.#framesOf[at] = this.#frames - 1;
      this.#distances[at] = before < 0 ? 0 : piece - before;
      this.#pieces = at + 1;
      place += length;
    }
    this.#end = frame.end;
  }

  idOf(at: number): number {
    return this.#ids[at]!; // below `pieces`, as in the others
  }

  countOf(at: number): number {
    return this.#counts[at]!;
  }

  lengthOf(at: number): number {
    return this.#lengths[at]!;
  }

  placeOf(at: number): number {
    return this.#places[at]!;
  }

  distanceOf(at: number): number {
    return this.#distances[at]!;
  }

  /** Number of the frame with a piece, from 0. */
  frameOf(at: number): number {
    return this.#framesOf[at]!;
  }

  timestampOf(frame: number): number {
    return this.#frameTimes[frame]!; // below `frames`, as in the others
  }

  /** Number of the frame's first piece in this segment. */
  firstPieceOf(frame: number): number {
    return this.#framePieces[frame]!;
  }

  /** CRC of a piece that is the whole payload of its frame; undefined for another. */
  crcOf(at: number): number | undefined {
    const frame = this.frameOf(at);
    return this.#lengths[at] === this.#frameLengths[frame] ? this.#frameCrcs[frame] : undefined;
  }

  hasPieceCrcs(frame: number): boolean {
    return this.#pieceCrcs.has(frame);
  }

  /** From now on each piece of the frame can be checked by itself. @param payload of the frame, found valid */
  keepPieceCrcs(frame: number, payload: Uint8Array): void {
    const first = this.firstPieceOf(frame);
    const end = frame + 1 < this.#frames ? this.firstPieceOf(frame + 1) : this.#pieces;
    const crcs = new Uint32Array(end - first);
    let from = 0;
    for (let at = first; at < end; at += 1) {
      crcs[at - first] = crc32(payload.subarray(from, from + this.lengthOf(at)));
      from += this.lengthOf(at);
    }
    this.#pieceCrcs.set(frame, crcs);
  }

  /** CRC of a piece that was kept; undefined for another. */
  pieceCrcOf(at: number): number | undefined {
    const frame = this.frameOf(at);
    return this.#pieceCrcs.get(frame)?.[at - this.firstPieceOf(frame)];
  }

  payloadOf(frame: number): { readonly at: number; readonly length: number; readonly crc: number } {
    return { at: this.#framePlaces[frame]!, length: this.#frameLengths[frame]!, crc: this.#frameCrcs[frame]! };
  }

  /** Takes the frames from `lsn` on out; they lie in a segment of their own now, `shift` bytes further to its start. */
  split(lsn: number, shift: number): UnsealedSegment {
    const frame = lsn - this.firstLsn;
    const piece = frame < this.#frames ? this.firstPieceOf(frame) : this.#pieces;
    const rest = new UnsealedSegment(lsn, this.firstPiece + piece);
    rest.#frames = this.#frames - frame;
    rest.#pieces = this.#pieces - piece;
    const cut = <T extends Uint32Array | Float64Array>(column: T, from: number, map = (value: number) => value): T =>
      column.map((_, index) => map(column[from + index] ?? 0)) as T;
    const shifted = (value: number): number => Math.max(0, value - shift);
    rest.#ids = cut(this.#ids, piece);
    rest.#counts = cut(this.#counts, piece);
    rest.#lengths = cut(this.#lengths, piece);
    rest.#places = cut(this.#places, piece, shifted);
    rest.#framesOf = cut(this.#framesOf, piece, (value) => Math.max(0, value - frame));
    rest.#distances = cut(this.#distances, piece);
    rest.#framePieces = cut(this.#framePieces, frame, (value) => Math.max(0, value - piece));
    rest.#framePlaces = cut(this.#framePlaces, frame, shifted);
    rest.#frameLengths = cut(this.#frameLengths, frame);
    rest.#frameCrcs = cut(this.#frameCrcs, frame);
    rest.#frameTimes = cut(this.#frameTimes, frame);
    rest.#end = this.#end - shift;
    rest.#lowestId = this.#lowestId;
    rest.#highestId = this.#highestId;
    for (const kept of this.#pieceCrcs.keys()) if (kept >= frame) this.#pieceCrcs.delete(kept);
    this.#frames = frame;
    this.#pieces = piece;
    return rest;
  }

  #growPieces(): void {
    this.#ids = doubled(this.#ids);
    this.#counts = doubled(this.#counts);
    this.#lengths = doubled(this.#lengths);
    this.#places = doubled(this.#places);
    this.#framesOf = doubled(this.#framesOf);
    this.#distances = doubled(this.#distances);
  }

  #growFrames(): void {
    this.#framePieces = doubled(this.#framePieces);
    this.#framePlaces = doubled(this.#framePlaces);
    this.#frameLengths = doubled(this.#frameLengths);
    this.#frameCrcs = doubled(this.#frameCrcs);
    this.#frameTimes = doubled(this.#frameTimes);
  }
}

function doubled<C extends Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>>(column: C): C {
  const longer = grown(column, column.length * 2);
  freeMemory(column.buffer);
  return longer;
}

/** The segments that are not sealed, oldest first; the last one is in use. */
export class UnsealedIndex {
  readonly #topics: TopicTable;
  #segments: UnsealedSegment[] = [];
  #nextPiece = 0;

  constructor(topics: TopicTable) {
    this.#topics = topics;
  }

  get segments(): readonly UnsealedSegment[] {
    return this.#segments;
  }

  /** Bytes of the segments that are full. */
  get fullBytes(): number {
    let bytes = 0;
    for (const segment of this.#segments.slice(0, -1)) bytes += segment.end;
    return bytes;
  }

  begin(firstLsn: number): void {
    this.#segments.push(new UnsealedSegment(firstLsn, this.#nextPiece));
  }

  /** The newest frames were copied to a segment that begins with `lsn`. */
  split(lsn: number, shift: number): void {
    const newest = this.#segments.at(-1);
    if (newest === undefined || newest.firstLsn === lsn) return;
    this.#segments.push(newest.split(lsn, shift));
  }

  /** The frame follows on those before; its topics are there, or gone again. */
  add(frame: PlacedFrame): void {
    const newest = this.#segments.at(-1)!; // begun
    newest.add(frame, this.#topics);
    this.#nextPiece = newest.firstPiece + newest.pieces;
  }

  /** The frames up to `lsn` are in runs: whole segments. */
  drop(lsn: number): void {
    let gone = 0;
    // The last one is in use, also when it is empty.
    while (gone < this.#segments.length - 1 && this.#segments[gone]!.lastLsn <= lsn) {
      const segment = this.#segments[gone]!; // in range
      for (let at = 0; at < segment.pieces; at += 1) {
        const row = this.#topics.rowOf(segment.idOf(at));
        if (row !== NO_ROW) this.#topics.dropPiece(row, segment.firstPiece + at, segment.countOf(at));
      }
      gone += 1;
    }
    this.#segments = this.#segments.slice(gone);
  }

  /** The segment with a piece. */
  segmentOf(piece: number): UnsealedSegment {
    return this.#segments.findLast(({ firstPiece }) => firstPiece <= piece) ?? this.#segments[0]!; // begun
  }

  /**
   * The topic's pieces from the one with `fromOffset` on, newest first, and the offset where the oldest of them starts.
   * The offset is not sealed and below the topic's next one.
   */
  piecesFrom(row: number, fromOffset: number): { pieces: number[]; baseOffset: number } {
    const pieces: number[] = [];
    let baseOffset = this.#topics.nextOffset(row);
    let piece = this.#topics.lastPiece(row);
    let segment = this.segmentOf(piece);
    for (;;) {
      if (piece < segment.firstPiece) segment = this.segmentOf(piece);
      const at = piece - segment.firstPiece;
      pieces.push(piece);
      baseOffset -= segment.countOf(at);
      if (baseOffset <= fromOffset) return { pieces, baseOffset };
      piece -= segment.distanceOf(at);
    }
  }
  /** Timestamp of a message that is not sealed and below the topic's next offset. */
  timestampAt(row: number, offset: number): number {
    const piece = this.piecesFrom(row, offset).pieces.at(-1)!; // at least one
    const segment = this.segmentOf(piece);
    return segment.timestampOf(segment.frameOf(piece - segment.firstPiece));
  }
}
