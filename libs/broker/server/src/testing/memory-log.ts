// A BrokerLog in memory. A test can hold its disk, fill it and break it.
//
// Guarantees: what the conformance suite of the interface asks for. A change is decided in the order of the calls. It
// becomes durable one turn of the event loop later, or when the test releases the disk.
// Does not survive: anything. There is no restart.
// `leaksHeadClock` puts a bug in: the clock runs ahead of messages that are not durable yet.

import {
  checkAppend,
  checkCommit,
  checkName,
  checkStamp,
  type AppendResult,
  type BrokerLog,
  type CommitRequest,
  type CommitResult,
  type ExpiredGroup,
  type PositionDeletion,
  type ScannedRows,
} from '@pulses/broker-log-api';
import {
  appendsOf,
  checkTopicName,
  MESSAGE_BYTES_MAX,
  type Incarnation,
  type ProducerStamp,
  type RecordBatch,
  type ScanPlace,
  type StoredGroup,
  type StoredPosition,
  type TopicAppend,
  type TopicInfo,
} from '@pulses/broker-wire';
import { PulsesError } from '@pulses/shared-errors';
import type { Clock } from '@pulses/shared-ports';
import { MemoryGroups } from './memory-groups';
import { MemoryProducers } from './memory-producers';
import { scanMemory } from './memory-scan';
import { MemoryTopics } from './memory-topics';

export interface MemoryLogOptions {
  /** Says that it never commits: where time stands still, readers that rest while it commits would wait without end. */
  readonly hidesCommits?: boolean;
  readonly leaksHeadClock?: boolean;
  readonly pendingBytesMax?: number;
  readonly topicsMax?: number;
  readonly producersMax?: number;
  readonly groupsMax?: number;
  readonly positionsMax?: number;
  readonly positionsPerTopicMax?: number;
}

interface Pending {
  readonly bytes: number;
  readonly timestampMs: number;
  /** Decides and applies the change, and answers. */
  settle(): void;
  refuse(error: PulsesError): void;
}

export class MemoryLog implements BrokerLog {
  readonly unsealedBytes = 0;
  readonly failed: Promise<Error>;
  /** Payload bytes handed out by `read`. */
  bytesRead = 0;

  readonly #clock: Clock;
  readonly #options: MemoryLogOptions;
  readonly #topics: MemoryTopics;
  readonly #producers: MemoryProducers;
  readonly #groups: MemoryGroups;
  readonly #pending: Pending[] = [];
  #pendingBytes = 0;
  #refusal: PulsesError | undefined;
  #failure: PulsesError | undefined;
  #reportFailure: (error: Error) => void = () => undefined;
  #isAlwaysCommitting = false;
  #isHeld = false;
  #isScheduled = false;
  #isClosed = false;
  #lastMs = 0;

  constructor(clock: Clock, options: MemoryLogOptions = {}) {
    this.#clock = clock;
    this.#options = options;
    this.#topics = new MemoryTopics(options.topicsMax ?? Infinity);
    this.#producers = new MemoryProducers(options.producersMax ?? Infinity);
    this.#groups = new MemoryGroups(options);
    this.failed = new Promise((resolve) => {
      this.#reportFailure = resolve;
    });
  }

  get isCommitting(): boolean {
    return this.#isAlwaysCommitting || (this.#pending.length > 0 && this.#options.hidesCommits !== true);
  }

  /** A log that is never without work. */
  commitWithoutEnd(): void {
    this.#isAlwaysCommitting = true;
  }

  /** Changes that are not durable yet. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  /** Nothing becomes durable until `releaseDisk`. */
  holdDisk(): void {
    this.#isHeld = true;
  }

  releaseDisk(): void {
    this.#isHeld = false;
    this.#flush();
  }

  /** Every change is refused with this, until it is called with undefined. */
  refuseWith(error: PulsesError | undefined): void {
    this.#refusal = error;
  }

  /** Ends the log for good. */
  breakDisk(): void {
    const failure = new PulsesError('STORAGE_FAILED', 'the disk is broken');
    this.#failure = failure;
    for (const pending of this.#pending.splice(0)) pending.refuse(failure);
    this.#reportFailure(failure);
  }

  async append(request: TopicAppend, producer?: ProducerStamp, era?: number): Promise<AppendResult> {
    checkTopicName(request.topic);
    checkStamp(producer);
    checkAppend(request, MESSAGE_BYTES_MAX);
    try {
      return await this.#change(
        (timestampMs) => this.#appendNow(request, producer, era, timestampMs),
        request.payload.length,
      );
    } catch (error) {
      if (producer !== undefined) this.#producers.refused(producer, error);
      throw error;
    }
  }

  async commit(request: CommitRequest): Promise<CommitResult> {
    checkCommit(request);
    return await this.#change((timestampMs) => this.#commitNow(request, timestampMs), request.payload.length);
  }

  async deletePosition(request: PositionDeletion): Promise<void> {
    await this.#change((timestampMs) => {
      this.#groups.deletePosition(request, timestampMs);
    });
  }

  async createTopic(name: string): Promise<TopicInfo> {
    checkTopicName(name);
    return await this.#change(() => {
      const { info, isNew } = this.#topics.make(name);
      if (isNew) this.#topics.wake([name]);
      return info;
    });
  }

  deleteTopics(names: readonly string[]): Promise<string[]> {
    return this.#change(() => {
      const found = this.#topics.delete(names);
      this.#groups.forgetTopics(found);
      this.#topics.wake(found);
      return found;
    });
  }

  async advanceGroupEpoch(group: string, sourceTopic?: string): Promise<number> {
    checkName('group', group);
    if (sourceTopic !== undefined) checkTopicName(sourceTopic);
    return await this.#change((timestampMs) => {
      this.#groups.checkRoom(group);
      if (sourceTopic !== undefined) {
        this.#groups.checkOwner(sourceTopic, group);
        if (this.#topics.make(sourceTopic).isNew) this.#topics.wake([sourceTopic]);
        this.#groups.claim(sourceTopic, group);
      }
      return this.#groups.advanceEpoch(group, timestampMs);
    });
  }

  async deleteGroup(group: string): Promise<boolean> {
    checkName('group', group);
    return await this.#change(() => this.#groups.delete(group));
  }

  expireGroups(idleMs: number, hasMember: (group: string) => boolean): Promise<ExpiredGroup[]> {
    return this.#change((timestampMs) => this.#groups.expire(timestampMs, idleMs, hasMember));
  }

  groups(): Promise<StoredGroup[]> {
    return this.#enqueue(() => this.#groups.list());
  }

  async retireProducer(id: string, epoch: number): Promise<void> {
    checkStamp({ id, epoch, sequence: 0 });
    await this.#change(() => {
      this.#producers.retire(id, epoch);
    });
  }

  get producerCount(): number {
    return this.#producers.count;
  }

  get producersMax(): number {
    return this.#options.producersMax ?? Infinity;
  }

  get producerEra(): number {
    return this.#producers.era;
  }

  expireProducers(unusedMs: number): Promise<number> {
    return this.#change((timestampMs) => this.#producers.expire(timestampMs, unusedMs));
  }

  topic(name: string): TopicInfo | undefined {
    return this.#topics.info(name);
  }

  topics(query: { prefix: string; after: string; limit: number }): { topics: TopicInfo[]; more: boolean } {
    return this.#topics.list(query);
  }

  positions(group: string, topic: string): Promise<StoredPosition[]> {
    return this.#enqueue(() => this.#groups.find(group, topic));
  }

  async read(name: string, incarnation: Incarnation, fromOffset: number, bytesMax: number): Promise<RecordBatch[]> {
    const batches = this.#topics.read(name, incarnation, fromOffset, bytesMax);
    for (const { payload } of batches) this.bytesRead += payload.length;
    return await Promise.resolve(batches);
  }

  /** All topics are of one kind. */
  async scan(_like: string, from: ScanPlace, bytesMax: number): Promise<ScannedRows> {
    return await Promise.resolve(scanMemory(this.#topics, from, bytesMax));
  }

  onChange(topic: string, listener: () => void): () => void {
    return this.#topics.onChange(topic, listener);
  }

  clockMs(): number {
    const oldest = this.#pending[0];
    if (oldest !== undefined && this.#options.leaksHeadClock !== true) return oldest.timestampMs;
    return this.#now();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#pending.length > 0) await this.#enqueue(() => undefined);
  }

  #now(): number {
    this.#lastMs = Math.max(this.#lastMs, this.#clock.nowMs());
    return this.#lastMs;
  }

  #change<T>(apply: (timestampMs: number) => T, bytes = 0): Promise<T> {
    const refusal = this.#refusalOf(bytes);
    return refusal === undefined ? this.#enqueue(apply, bytes) : Promise.reject(refusal);
  }

  #refusalOf(bytes: number): PulsesError | undefined {
    if (this.#failure !== undefined) return this.#failure;
    if (this.#isClosed) return new PulsesError('SHUTTING_DOWN');
    const { pendingBytesMax = Infinity } = this.#options;
    if (this.#pendingBytes > 0 && this.#pendingBytes + bytes > pendingBytesMax) return new PulsesError('OVERLOADED');
    return this.#refusal;
  }

  #enqueue<T>(apply: (timestampMs: number) => T, bytes = 0): Promise<T> {
    return new Promise((resolve, reject) => {
      const timestampMs = this.#now();
      const settle = (): void => {
        this.#pendingBytes -= bytes;
        try {
          resolve(apply(timestampMs));
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      this.#pending.push({ bytes, timestampMs, settle, refuse: reject });
      this.#pendingBytes += bytes;
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      setImmediate(() => {
        this.#isScheduled = false;
        this.#flush();
      });
    });
  }

  #flush(): void {
    while (!this.#isHeld) {
      const next = this.#pending.shift();
      if (next === undefined) return;
      next.settle();
    }
  }

  #appendNow(
    request: TopicAppend,
    producer: ProducerStamp | undefined,
    era: number | undefined,
    timestampMs: number,
  ): AppendResult {
    const first = producer === undefined ? undefined : this.#producers.firstResult(producer, era);
    if (first !== undefined) return { ...first, duplicate: true };
    this.#topics.checkRoom([request.topic]);
    const result = { baseOffset: this.#topics.append(request, timestampMs), timestampMs, duplicate: false };
    if (producer !== undefined) this.#producers.accept(producer, result);
    this.#topics.wake([request.topic]);
    return result;
  }

  #commitNow(request: CommitRequest, timestampMs: number): CommitResult {
    const { group, topic, incarnation, newTopics } = request;
    this.#groups.check(request);
    if (this.topic(topic)?.incarnation !== incarnation) throw new PulsesError('POSITION_CONFLICT');
    const appends = appendsOf(request, (id) => this.#topics.nameOf(id));
    this.#topics.checkOffsets(request, appends);
    const names = appends.map((append) => append.topic);
    this.#topics.checkRoom([...names, ...newTopics]);
    if (names.length > 0) {
      this.#groups.checkOwner(topic, group);
      this.#groups.checkUnclaimed(topic, group);
      this.#groups.claim(topic, group);
    }
    // Everything was checked: from here on nothing fails.
    for (const append of appends) this.#topics.append(append, timestampMs);
    this.#groups.store(request, timestampMs);
    this.#topics.wake(names);
    return { timestampMs, newTopicIds: Uint32Array.from(newTopics, (name) => this.#topics.idOf(name)) };
  }
}

export function createMemoryLog(clock: Clock, options?: MemoryLogOptions): MemoryLog {
  return new MemoryLog(clock, options);
}
