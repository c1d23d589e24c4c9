// Reads messages wherever they lie: the tail in memory, journal segments that are not sealed, runs.
//
// Guarantees: what it gives out is a copy, and what was stored; it never waits when the messages are in memory. What it
// reads from a file may be sealed, dropped or deleted meanwhile: it then looks again. Bounds: `bytesMax` of a read, and the
// numbers of the topic's pieces that are not sealed.

import { PulsesError } from '@pulses/shared-errors';
import type { Incarnation, RecordBatch } from '@pulses/broker-wire';
import type { LogState, Run } from '../commit/log-state';
import { readFailed } from '../disk/disk-errors';
import type { RunEntry } from '../segments/run-format';
import type { UnsealedIndex, UnsealedSegment } from '../segments/unsealed';
import { NO_ROW } from '../topics/topic-table';
import { batchFrom, createGathering, type StoredBatch } from './record-cut';
import { KeptNewest } from './kept-newest';
import type { RunReader } from './run-reader';
import type { SegmentReader } from './segment-reader';
import type { Tail } from '../journal/tail';

const HINTS_KEPT = 4_096;
/** Batches below it are put together. A larger one is given out as it was stored, with its CRC. */
const WHOLE_BYTES_MIN = 4_096;

export interface MessageReaderOptions {
  readonly state: LogState;
  readonly unsealed: UnsealedIndex;
  readonly tail: Tail;
  readonly segments: SegmentReader;
  readonly runs: RunReader;
}

export class MessageReader {
  readonly #options: MessageReaderOptions;
  /** By topic id: the run where the last read of sealed messages ended. */
  readonly #hints = new KeptNewest<Run>(HINTS_KEPT);

  constructor(options: MessageReaderOptions) {
    this.#options = options;
  }

  /** @throws PulsesError TOPIC_UNKNOWN, OFFSET_OUT_OF_RANGE, JOURNAL_CORRUPT, OVERLOADED, STORAGE_FAILED */
  async read(name: string, incarnation: Incarnation, fromOffset: number, bytesMax: number): Promise<RecordBatch[]> {
    const { topics } = this.#options.state;
    const row = topics.findStored(name);
    if (row === NO_ROW || topics.incarnationOf(row) !== incarnation) throw unknownTopic(name);
    const [start, next] = [topics.startOffset(row), topics.nextOffset(row)];
    if (fromOffset < start || fromOffset > next || !Number.isSafeInteger(fromOffset)) {
      const what = `topic ${name} holds the offsets ${start} to ${next}, not ${fromOffset}`;
      throw new PulsesError('OFFSET_OUT_OF_RANGE', what);
    }
    if (fromOffset === next) return [];
    const topicId = topics.idOf(row);
    if (fromOffset < topics.sealedOffset(row)) return await this.#readRuns(name, topicId, fromOffset, bytesMax);
    const { pieces, baseOffset } = this.#options.unsealed.piecesFrom(row, fromOffset);
    return (
      this.#readTail(pieces, baseOffset, fromOffset, bytesMax) ??
      (await this.#readSegments(name, incarnation, { pieces, baseOffset }, fromOffset, bytesMax))
    );
  }

  /** Undefined when the first piece is not in memory; the later ones are when it is. */
  #readTail(pieces: number[], first: number, fromOffset: number, bytesMax: number): RecordBatch[] | undefined {
    const { unsealed, tail } = this.#options;
    const gathering = createGathering(bytesMax);
    let baseOffset = first;
    for (let index = pieces.length - 1; index >= 0; index -= 1) {
      const piece = pieces[index]!; // in range
      const segment = unsealed.segmentOf(piece);
      const at = piece - segment.firstPiece;
      const slab = tail.slabAt(segment.firstLsn, segment.placeOf(at));
      if (slab === undefined) return undefined;
      const stored = storedPiece(segment, at, baseOffset, slab.bytes, segment.placeOf(at) - slab.from);
      if (!gathering.add(batchFrom(stored, Math.max(fromOffset, baseOffset)))) break;
      baseOffset += stored.recordCount;
    }
    return copied(gathering.batches);
  }

  async #readSegments(
    name: string,
    incarnation: Incarnation,
    { pieces, baseOffset: first }: { pieces: number[]; baseOffset: number },
    fromOffset: number,
    bytesMax: number,
  ): Promise<RecordBatch[]> {
    const { state, unsealed, segments } = this.#options;
    const batches: RecordBatch[] = [];
    let room = bytesMax;
    let baseOffset = first;
    let segment = unsealed.segmentOf(pieces.at(-1)!); // at least one
    try {
      for (let index = pieces.length - 1; index >= 0; index -= 1) {
        const piece = pieces[index]!; // in range
        if (piece >= segment.firstPiece + segment.pieces) {
          // Gone or sealed meanwhile: the next read finds that out.
          const row = state.topics.findStored(name);
          if (row === NO_ROW || baseOffset < state.topics.sealedOffset(row)) break;
          segment = unsealed.segmentOf(piece);
        }
        const at = piece - segment.firstPiece;
        const stored = storedPiece(segment, at, baseOffset, await segments.piece(segment, at), 0);
        const gathering = createGathering(room);
        const cut = batchFrom(stored, Math.max(fromOffset, baseOffset));
        if (batches.length > 0 && cut.payload.length > room) break;
        const goesOn = gathering.add(cut);
        batches.push(...copied(gathering.batches));
        room -= cut.payload.length;
        if (!goesOn) break;
        baseOffset += stored.recordCount;
      }
      return batches;
    } catch (error) {
      const row = state.topics.findStored(name);
      if (row === NO_ROW || state.topics.incarnationOf(row) !== incarnation) throw unknownTopic(name);
      // Sealed meanwhile, and its segment may have gone.
      if (fromOffset < state.topics.sealedOffset(row)) return await this.read(name, incarnation, fromOffset, bytesMax);
      throw readFailed(segments.pathOf(segment.firstLsn), error);
    }
  }

  async #readRuns(name: string, topicId: number, fromOffset: number, bytesMax: number): Promise<RecordBatch[]> {
    const { state, runs } = this.#options;
    try {
      const found = await this.#find(topicId, fromOffset);
      const batches = found === undefined ? found : await runs.read(found, topicId, fromOffset, bytesMax);
      if (found === undefined || batches === undefined)
        throw new TypeError(`no run holds offset ${fromOffset} of topic ${name}`);
      this.#hints.set(`${topicId}`, found);
      return isLittle(batches) ? copied(batches) : batches;
    } catch (error) {
      // What was read may have gone meanwhile, which is no damage.
      const row = state.topics.rowOf(topicId);
      if (row === NO_ROW) throw unknownTopic(name);
      if (fromOffset < state.topics.startOffset(row)) {
        throw new PulsesError('OFFSET_OUT_OF_RANGE', `topic ${name} starts at ${state.topics.startOffset(row)} by now`);
      }
      throw readFailed(`the runs of topic ${name}`, error);
    }
  }

  /**
   * The run with a sealed message. A run that has the topic tells on which side the message is; one without it tells
   * nothing. So it goes from run to run: from where the last read was, else from the nearer end.
   */
  async #find(topicId: number, offset: number): Promise<Run | undefined> {
    const { state } = this.#options;
    const row = state.topics.rowOf(topicId);
    const all = state.runs.filter(({ kind }) => kind === state.topics.kindOf(row));
    const hint = this.#hints.get(`${topicId}`);
    const isLate = offset - state.topics.startOffset(row) > state.topics.sealedOffset(row) - offset;
    let at = hint === undefined ? -1 : all.indexOf(hint);
    let step = 1;
    // The run of the last read may have gone.
    if (at === -1) [at, step] = isLate ? [all.length - 1, -1] : [0, 1];
    for (let looked = 0; looked <= 2 * all.length; looked += 1) {
      const run = all[at];
      if (run === undefined) return undefined;
      const entry = await this.#entryOf(run, topicId);
      if (entry !== undefined) {
        if (entry.baseOffset <= offset && offset < entry.baseOffset + entry.count) return run;
        step = offset < entry.baseOffset ? -1 : 1;
      }
      at += step;
    }
    return undefined;
  }

  /** Undefined too when the run has gone meanwhile: no topic needed it. */
  async #entryOf(run: Run, topicId: number): Promise<RunEntry | undefined> {
    const { state, runs } = this.#options;
    try {
      return await runs.entryOf(run, topicId);
    } catch (error) {
      if (state.runs.includes(run)) throw error;
      return undefined;
    }
  }
}

/** The messages of a piece, whose bytes begin at `bytes[start]`. */
function storedPiece(
  segment: UnsealedSegment,
  at: number,
  baseOffset: number,
  bytes: Uint8Array,
  start: number,
): StoredBatch {
  const [recordCount, length, crc] = [segment.countOf(at), segment.lengthOf(at), segment.crcOf(at)];
  return { baseOffset, recordCount, timestampMs: segment.timestampOf(segment.frameOf(at)), bytes, start, length, crc };
}

function unknownTopic(name: string): PulsesError {
  return new PulsesError('TOPIC_UNKNOWN', `topic ${name} is not there any more`);
}

/** Whether batches would keep much more in memory than they hold: a slow reader may keep them for long. */
function isLittle(batches: readonly RecordBatch[]): boolean {
  let length = 0;
  for (const { payload } of batches) length += payload.length;
  return 2 * length < (batches[0]?.payload.buffer.byteLength ?? 0);
}

/** The batches in memory of their own, small ones of one time together. */
function copied(batches: readonly RecordBatch[]): RecordBatch[] {
  let length = 0;
  for (const { payload } of batches) length += payload.length;
  const bytes = Buffer.allocUnsafeSlow(length);
  const copies: RecordBatch[] = [];
  let at = 0;
  for (const { baseOffset, recordCount, timestampMs, payload, payloadCrc } of batches) {
    bytes.set(payload, at);
    const end = at + payload.length;
    const last = copies.at(-1);
    if (
      last?.timestampMs === timestampMs &&
      last.payload.length < WHOLE_BYTES_MIN &&
      payload.length < WHOLE_BYTES_MIN
    ) {
      const start = at - last.payload.length;
      const together = { recordCount: last.recordCount + recordCount, payload: bytes.subarray(start, end) };
      copies[copies.length - 1] = { baseOffset: last.baseOffset, timestampMs, ...together };
    } else copies.push({ baseOffset, recordCount, timestampMs, payload: bytes.subarray(at, end), payloadCrc });
    at = end;
  }
  return copies;
}
