// The state that a journal with holes adds up to, as far as that can be known.
//
// Frames are applied by the log's own rules; here the state is first brought to where the frame fits. What had to be
// assumed is told as a mismatch: without a hole before it, that is damage. A frame does not state its offsets, which follow
// from the counts of those before. So behind lost frames a topic continues where it was, until resettle.ts knows more.

import {
  applyFrame,
  NO_ROW,
  StateMismatch,
  TOPIC_KINDS_MAX,
  type Effects,
  type Entry,
  type LogState,
} from '@pulses/broker-segment-log';
import { PRODUCER_RESULTS_KEPT, type ProducerStamp } from '@pulses/broker-wire';
import type { WalkedFrame } from '../journal/journal-walk';

type Mismatch = (what: string) => void;

export class TolerantState {
  readonly state: LogState;
  readonly #nameFor: (topicId: number, kind?: number) => string;
  readonly #deleted = new Set<number>();
  readonly #effects: Effects = { grown: [], renewed: [], kinds: new Float64Array(TOPIC_KINDS_MAX * 2) };
  #areFramesLost = false;
  /** Ids of topics that messages came for, and whose names nothing tells. */
  readonly unnamed = new Set<number>();
  /** Groups that the state knew before the last hole, and that set no position behind it. */
  readonly uncertainGroups = new Set<string>();
  /** Ids of topics without a known owner of their outputs that lost frames may have given one. */
  readonly uncertainOwners = new Set<number>();
  /** Ids of topics that have messages behind lost frames: their offsets may have been higher. */
  readonly uncertainOffsets = new Set<number>();

  /** @param nameFor a name for a topic that has none any more */
  constructor(state: LogState, nameFor: (topicId: number, kind?: number) => string) {
    this.state = state;
    this.#nameFor = nameFor;
  }

  /** Frames were lost: what they changed is not known. */
  lostFrames(): void {
    const { topics, owners, groups } = this.state;
    this.#areFramesLost = true;
    for (const [name, { positions }] of groups) if (positions.size > 0) this.uncertainGroups.add(name);
    for (let row = 0; row < topics.rowsEnd; row += 1) {
      const id = topics.idOf(row);
      if (topics.isStored(row) && !owners.has(id)) this.uncertainOwners.add(id);
    }
  }

  /** A topic that runs hold, and that lost frames have made. */
  adopt(topicId: number, kind: number, baseOffset: number): void {
    if (this.#deleted.has(topicId) || this.state.topics.rowOf(topicId) !== NO_ROW) return;
    this.unnamed.add(topicId);
    this.uncertainOwners.add(topicId);
    const row = this.#make(topicId, this.#nameFor(topicId, kind));
    const times = { bytes: 0, firstTimestampMs: 0, lastTimestampMs: 0 };
    if (row !== NO_ROW) this.state.topics.restore(row, { startOffset: baseOffset, nextOffset: baseOffset, ...times });
  }

  /** The topic has this many messages more than its frames tell. */
  raise(topicId: number, count: number): void {
    const { topics } = this.state;
    const row = topics.rowOf(topicId);
    const { nextOffset, ...info } = topics.info(row);
    topics.restore(row, { ...info, nextOffset: nextOffset + count });
  }

  /** The outputs of the topic are this group's. */
  claim(topicId: number, group: string): void {
    const { lsn, lastTimestampMs: timestampMs } = this.state;
    this.state.lsn = lsn - 1;
    const entries = [{ kind: 'outputs-claimed', topicId, group }] as const;
    applyFrame(this.state, { lsn, timestampMs, rows: 0, columns: new Uint32Array(0), entries }, this.#effects);
  }

  /** @param withRows false when the messages of the frame are counted already */
  apply(frame: WalkedFrame, withRows: boolean, mismatch: Mismatch): void {
    const { lsn, timestampMs } = frame;
    const rows = withRows ? frame.rows : 0;
    for (const entry of frame.entries) if (entry.kind === 'topics-created') this.#created(frame, entry, mismatch);
    for (let row = 0; row < rows; row += 1) this.#rowOf(frame.columns[row]!, mismatch); // three columns
    const stamp = frame.entries.find(({ kind }) => kind === 'produced');
    if (stamp?.kind === 'produced') this.#fitProducer(stamp.stamp, frame, mismatch);
    if (this.#areFramesLost) for (const id of frame.columns.subarray(0, rows)) this.uncertainOffsets.add(id);
    // A result needs a row, also when that is counted already.
    const produced = stamp === undefined || frame.rows === 0 ? [] : [stamp];
    this.#step(frame, produced, rows);
    for (const entry of frame.entries) {
      if (entry.kind === 'topics-created' || entry.kind === 'produced' || !this.#fit(entry, frame, mismatch)) continue;
      this.#step(frame, [entry], 0);
    }
    this.state.lsn = lsn;
    this.state.lastTimestampMs = Math.max(this.state.lastTimestampMs, timestampMs);
    this.#effects.grown.length = 0;
    this.#effects.renewed.length = 0;
  }

  #step({ lsn, timestampMs, columns, rows: allRows }: WalkedFrame, entries: readonly Entry[], rows: number): void {
    this.state.lsn = lsn - 1;
    const used = rows === allRows ? columns : columns.subarray(0, 1);
    try {
      applyFrame(this.state, { lsn, timestampMs, rows, columns: used, entries }, this.#effects);
    } catch (error) {
      if (!(error instanceof StateMismatch)) throw error;
      this.state.lsn = lsn;
    }
  }

  #created(frame: WalkedFrame, entry: Extract<Entry, { kind: 'topics-created' }>, mismatch: Mismatch): void {
    const { topics } = this.state;
    for (const [index, name] of entry.names.entries()) {
      const id = entry.firstId + index;
      const known = topics.rowOf(id);
      if (known !== NO_ROW && topics.nameOf(known) === name) continue;
      if (known !== NO_ROW || topics.find(name) !== NO_ROW) mismatch(`topic ${name} exists already`);
      if (known !== NO_ROW) this.#remove(frame, known);
      const older = topics.find(name);
      if (older !== NO_ROW) this.#remove(frame, older);
      this.#make(id, name);
    }
  }

  #remove(frame: WalkedFrame, row: number): void {
    this.#step(frame, [{ kind: 'topics-deleted', topicIds: [this.state.topics.idOf(row)] }], 0);
  }

  #make(id: number, name: string): number {
    const { topics } = this.state;
    const nextId = Math.max(topics.nextId, id + 1);
    topics.restoreNextId(id);
    topics.create(id, name);
    topics.restoreNextId(nextId);
    return topics.rowOf(id);
  }

  #rowOf(id: number, mismatch: Mismatch): number {
    const row = this.state.topics.rowOf(id);
    if (row !== NO_ROW) return row;
    mismatch(`no topic has the id ${id}`);
    this.unnamed.add(id);
    if (this.#areFramesLost) this.uncertainOwners.add(id);
    return this.#make(id, this.#nameFor(id));
  }

  #fitProducer(
    { id, epoch, sequence }: ProducerStamp,
    { columns, timestampMs }: WalkedFrame,
    mismatch: Mismatch,
  ): void {
    const { producers, topics } = this.state;
    const producer = producers.get(id);
    const expected = producer?.epoch === epoch ? producer.nextSequence : 0;
    if (sequence === expected) return;
    mismatch(`sequence ${sequence} of producer ${id} does not follow`);
    // The requests in between were stored, and are lost: a repeat of one must not be stored again out of its order.
    const results = producer?.epoch === epoch ? producer.results : [];
    const baseOffset = topics.nextOffset(this.#rowOf(columns[0] ?? 0, mismatch));
    const from = Math.max(expected, sequence - PRODUCER_RESULTS_KEPT, 0);
    for (let lost = from; lost < sequence; lost += 1) {
      results[lost % PRODUCER_RESULTS_KEPT] = { baseOffset, timestampMs };
    }
    producers.set(id, { epoch, nextSequence: sequence, results });
  }

  /** Brings the state to where the entry fits; false when it has to be left out. */
  #fit(entry: Entry, frame: WalkedFrame, mismatch: Mismatch): boolean {
    const { groups, sealedLsn } = this.state;
    switch (entry.kind) {
      case 'positions-set': {
        this.#rowOf(entry.topicId, mismatch);
        this.uncertainGroups.delete(entry.group);
        return true;
      }
      case 'position-deleted': {
        this.#rowOf(entry.topicId, mismatch);
        const isKnown = groups.get(entry.group)?.positions.get(entry.topicId)?.has(entry.name) === true;
        if (!isKnown) mismatch(`no position is called ${entry.name}`);
        return isKnown;
      }
      case 'topics-trimmed':
        for (const { topicId } of entry.trims) this.#rowOf(topicId, mismatch);
        return true;
      case 'outputs-claimed':
        this.#rowOf(entry.topicId, mismatch);
        this.uncertainOwners.delete(entry.topicId);
        this.#handOver(frame, entry.topicId, entry.group, mismatch);
        return true;
      case 'group-deleted':
      case 'group-expired':
        if (!groups.has(entry.group)) mismatch(`no group is called ${entry.group}`);
        return groups.has(entry.group);
      case 'topics-deleted':
        for (const id of entry.topicIds) {
          this.#rowOf(id, mismatch);
          this.unnamed.delete(id);
          this.#deleted.add(id);
          this.uncertainOwners.delete(id);
          this.uncertainOffsets.delete(id);
        }
        return true;
      case 'runs-sealed':
        // What lost frames have sealed is in the journal still: no checkpoint has counted it.
        if (entry.firstLsn !== sealedLsn + 1) mismatch(`frames from ${entry.firstLsn} on are sealed too early`);
        return entry.firstLsn === sealedLsn + 1;
      default:
        return true;
    }
  }

  /** The owner of before was deleted: nothing else makes room for another. What it left is the next owner's. */
  #handOver(frame: WalkedFrame, topicId: number, group: string, mismatch: Mismatch): void {
    const owner = this.state.owners.get(topicId);
    if (owner === undefined || owner === group) return;
    mismatch(`the outputs of topic id ${topicId} belong to the group ${owner}, not ${group}`);
    if (this.state.groups.has(owner)) this.#step(frame, [{ kind: 'group-deleted', group: owner }], 0);
  }
}

export function topicIdsOf({ topics }: LogState): number[] {
  const ids: number[] = [];
  for (let row = 0; row < topics.rowsEnd; row += 1) if (topics.isStored(row)) ids.push(topics.idOf(row));
  return ids;
}
