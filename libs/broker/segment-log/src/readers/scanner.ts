// Reads all topics of a kind in the order in which they are stored: run after run, then what is not sealed, topic by topic.
//
// A reader of 100,000 small topics would read each run 100,000 times; this reads it once, front to back.
//
// A place is that of a part (a run, or all that is not sealed), by its first frame, and a topic and offset in it. Both kinds of
// parts are in the order of topic ids. So a place stays what it is when the part is sealed meanwhile.
//
// Guarantees: those of `BrokerLog.scan`. Bounds: `bytesMax`, or one message; at most IDS_LOOKED_MAX topics a call.

import { RowGathering, type ScannedRows } from '@pulses/broker-log-api';
import { isPulsesError } from '@pulses/shared-errors';
import type { ScanPlace } from '@pulses/broker-wire';
import type { LogState, Run } from '../commit/log-state';
import { readFailed } from '../disk/disk-errors';
import { NO_ROW } from '../topics/topic-table';
import type { MessageReader } from './message-reader';
import type { RunPlace, RunReader } from './run-reader';

const PART_START: RunPlace = { topicId: 0, offset: 0 };
/** Topics without messages are passed over in steps, so that other requests have their turn. */
const IDS_LOOKED_MAX = 20_000;

export interface ScannerOptions {
  readonly state: LogState;
  readonly runs: RunReader;
  readonly messages: MessageReader;
}

export class Scanner {
  readonly #options: ScannerOptions;

  constructor(options: ScannerOptions) {
    this.#options = options;
  }

  /** @throws those of `BrokerLog.scan` */
  async scan(like: string, from: ScanPlace, bytesMax: number): Promise<ScannedRows> {
    const { state } = this.#options;
    const kind = state.topics.kindOfName(like);
    const run = state.runs.find((candidate) => candidate.kind === kind && candidate.lastLsn >= from.lsn);
    if (run === undefined) return await this.#scanUnsealed(kind, from, bytesMax);
    return await this.#scanRun(run, from.lsn === run.firstLsn ? from : PART_START, bytesMax);
  }

  async #scanRun(run: Run, from: RunPlace, bytesMax: number): Promise<ScannedRows> {
    const { state, runs } = this.#options;
    const { topics } = state;
    const rows = new RowGathering();
    let next: RunPlace | undefined;
    try {
      next = await runs.stretch(
        run,
        from,
        bytesMax,
        (topicId) => {
          const row = topics.rowOf(topicId);
          return row === NO_ROW ? Infinity : topics.startOffset(row);
        },
        (topicId, messages) => {
          rows.add(topicId, messages);
        },
      );
    } catch (error) {
      // Dropped meanwhile: nothing of it is kept any more.
      if (state.runs.includes(run)) throw readFailed(runs.pathOf(run), error);
    }
    return rows.end({ ...(next ?? PART_START), lsn: next === undefined ? run.lastLsn + 1 : run.firstLsn }, true);
  }

  async #scanUnsealed(kind: number, from: ScanPlace, bytesMax: number): Promise<ScannedRows> {
    const { state } = this.#options;
    const { topics } = state;
    const lsn = state.sealedLsn + 1;
    const place = from.lsn === lsn ? from : PART_START;
    const rows = new RowGathering();
    const lastId = Math.min(topics.nextId, place.topicId + IDS_LOOKED_MAX);
    for (let topicId = place.topicId; topicId < lastId; topicId += 1) {
      // Sealed during the last read: the messages of this topic and the later ones are in the run now.
      if (state.sealedLsn >= lsn) return rows.end({ lsn, topicId, offset: 0 }, true);
      const row = topics.rowOf(topicId);
      if (row === NO_ROW || !topics.isStored(row) || topics.kindOf(row) !== kind) continue;
      const end = topics.nextOffset(row);
      let offset = Math.max(topics.startOffset(row), topics.sealedOffset(row));
      if (topicId === place.topicId) offset = Math.max(offset, place.offset);
      while (offset < end) {
        const next = rows.bytes < bytesMax ? await this.#add(rows, topicId, offset, bytesMax) : offset;
        if (next === offset) return rows.end({ lsn, topicId, offset }, true);
        offset = next;
      }
    }
    return rows.end({ lsn, topicId: lastId, offset: 0 }, lastId < topics.nextId);
  }

  /** Adds messages of a topic as there is room; answers where they end. */
  async #add(rows: RowGathering, topicId: number, offset: number, bytesMax: number): Promise<number> {
    const { state, messages } = this.#options;
    const row = state.topics.rowOf(topicId);
    if (row === NO_ROW) return Infinity;
    try {
      let next = offset;
      const [name, incarnation] = [state.topics.nameOf(row), state.topics.incarnationOf(row)];
      for (const batch of await messages.read(name, incarnation, offset, bytesMax - rows.bytes)) {
        // One that is too long for the room comes alone.
        if (rows.bytes > 0 && rows.bytes + batch.payload.length > bytesMax) break;
        rows.add(topicId, batch);
        next = batch.baseOffset + batch.recordCount;
      }
      return next;
    } catch (error) {
      // Deleted or trimmed meanwhile.
      if (isPulsesError(error, 'TOPIC_UNKNOWN') || isPulsesError(error, 'OFFSET_OUT_OF_RANGE')) return Infinity;
      throw error;
    }
  }
}
