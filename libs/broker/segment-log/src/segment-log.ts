// The log as its server sees it, put together from its rooms.

import { startMaintenance, type Maintenance } from '@pulses/shared-async';
import { isPulsesError, type PulsesError } from '@pulses/shared-errors';
import { failpoint } from '@pulses/shared-failpoints';
import { SILENT_LOGGER, type FileHandle, type Logger } from '@pulses/shared-ports';
import {
  checkAppend,
  checkCommit,
  checkName,
  checkProducer,
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
import { Checkpointer } from './checkpoint/checkpointer';
import { CommitQueue, type QueuedRequest } from './commit/commit-queue';
import { createLogClock, type LogClock } from './commit/log-clock';
import { Applier } from './commit/applier';
import type { LogState } from './commit/log-state';
import { Staging } from './commit/staging';
import { storedGroups, storedPositions } from './commit/stored-groups';
import type { Directories } from './disk/data-directory';
import { writeAttestation } from './journal/attestation';
import { Journal } from './journal/journal';
import type { SpareSegments } from './journal/spare-segments';
import { journalOpenMode, SEGMENT_LOG_DEFAULTS, type OpenSegmentLogOptions, type SegmentLogOptions } from './options';
import { HandleCache } from './readers/handle-cache';
import { MessageReader } from './readers/message-reader';
import { RunReader } from './readers/run-reader';
import { Scanner } from './readers/scanner';
import { SegmentReader } from './readers/segment-reader';
import { Tail } from './journal/tail';
import type { Recovered } from './recovery/recovery';
import { Retention } from './segments/retention';
import { Sealer } from './segments/sealer';
import type { UnsealedIndex } from './segments/unsealed';
import { NO_ROW } from './topics/topic-table';

export class SegmentLog implements BrokerLog {
  readonly failed: Promise<Error>;
  readonly #given: OpenSegmentLogOptions;
  readonly #options: SegmentLogOptions;
  readonly #logger: Logger;
  readonly #directories: Directories;
  readonly #unlock: () => Promise<void>;
  readonly #state: LogState;
  readonly #unsealed: UnsealedIndex;
  readonly #logClock: LogClock;
  readonly #tail: Tail;
  readonly #journal: Journal;
  readonly #staging: Staging;
  readonly #queue: CommitQueue;
  readonly #handles: HandleCache;
  readonly #messages: MessageReader;
  readonly #scanner: Scanner;
  readonly #sealer: Sealer;
  readonly #checkpointer: Checkpointer;
  readonly #retention: Retention;
  readonly #syncs: Maintenance | undefined;
  readonly #applier: Applier;

  constructor(
    given: OpenSegmentLogOptions,
    directories: Directories,
    recovered: Recovered,
    file: FileHandle,
    spares: SpareSegments | undefined,
    unlock: () => Promise<void>,
  ) {
    const { fileSystem, clock, logger = SILENT_LOGGER, metrics = {} } = given;
    const options = { ...SEGMENT_LOG_DEFAULTS, ...given.options };
    const { state, unsealed } = recovered;
    this.#given = given;
    this.#options = options;
    this.#logger = logger;
    this.#directories = directories;
    this.#unlock = unlock;
    this.#state = state;
    this.#unsealed = unsealed;
    const failed = Promise.withResolvers<Error>();
    this.failed = failed.promise;
    this.#logClock = createLogClock(clock, recovered.lastTimestampMs);
    this.#tail = new Tail(options.tailBytesMax);
    this.#applier = new Applier({
      ...{ state, unsealed, metrics, tail: this.#tail },
      onEntry: (kind) => {
        if (kind === 'producers-expired') this.#staging.producers.forgot();
        if (kind === 'topics-deleted') this.#retention.removed();
      },
      onApplied: () => {
        this.#sealer.consider();
      },
    });
    this.#journal = new Journal(
      {
        fileSystem,
        clock,
        directory: directories.journal,
        segmentBytesMax: options.segmentBytesMax,
        tail: this.#tail,
        spares,
        openMode: journalOpenMode(options),
        onSync: (seconds) => metrics.fsynced?.(seconds),
        onRoll: (firstLsn) => {
          unsealed.begin(firstLsn);
          this.#checkpointer.begun(firstLsn);
          // Not with the next frame: the request that found the segment full may be refused, and none follow for long.
          this.#sealer.consider();
        },
      },
      recovered.end,
      file,
    );
    this.#staging = new Staging(state, this.#journal, options);
    this.#queue = new CommitQueue({
      journal: this.#journal,
      staging: this.#staging,
      clock: this.#logClock,
      ...options,
      syncsEachGroup: options.fsync.mode === 'always',
      onDurable: (frames) => {
        this.#applier.apply(frames);
      },
      onFull: () => metrics.storageFull?.(),
      onFailed: (error) => {
        logger.error({ code: error.code, reason: error.message }, 'storage failed, the broker stops');
        failed.resolve(error);
      },
      room: () => this.#sealer.room(),
    });
    this.#handles = new HandleCache(fileSystem, options.openFilesMax);
    const segments = new SegmentReader(directories, this.#handles);
    const runs = new RunReader(directories, this.#handles);
    this.#messages = new MessageReader({ state, unsealed, tail: this.#tail, segments, runs });
    this.#scanner = new Scanner({ state, runs, messages: this.#messages });
    const onFailed = (error: PulsesError): void => {
      this.#queue.fail(error);
    };
    this.#checkpointer = new Checkpointer({
      fileSystem,
      directories,
      state,
      journal: this.#journal,
      queue: this.#queue,
      segments,
      spares,
      segmentLsns: recovered.segments,
      checkpoint: recovered.checkpoint,
    });
    this.#sealer = new Sealer({
      ...{ fileSystem, directories, clock, logger, unsealed, onFailed, topics: state.topics },
      logId: recovered.end.identity.logId,
      ...options,
      store: (entry) => this.#queue.store(() => this.#staging.note(entry)),
      onRoom: () => {
        this.#queue.nudge();
      },
      checkpoint: () => this.#checkpointer.write(),
    });
    this.#retention = new Retention({
      ...{ clock, fileSystem, directories, state, unsealed, runs, onFailed, logger, metrics },
      policyOf: given.retention,
      intervalMs: options.retentionIntervalMs,
      nowMs: () => this.#logClock.now(),
      beforeLook: () => {
        this.#leaveOldSegment();
      },
      storeTrims: (trims) => this.#enqueue(() => this.#staging.trim(trims()), { isAlone: true }),
      storeDrop: (dropped) =>
        this.#enqueue(() => this.#staging.note({ kind: 'runs-dropped', runs: dropped }), { isAlone: true }),
      sync: () => this.#queue.between(() => this.#journal.sync()),
    });
    const { fsync } = options;
    if (fsync.mode === 'interval') {
      const sync = (): Promise<void> => this.#queue.between(() => this.#journal.sync());
      const times = { firstMs: fsync.intervalMs, everyMs: fsync.intervalMs };
      this.#syncs = startMaintenance(clock, times, () =>
        sync().catch((error: unknown) => {
          if (isPulsesError(error)) onFailed(error);
        }),
      );
    }
    this.#sealer.consider();
  }

  get isCommitting(): boolean {
    return this.#queue.isWorking;
  }

  get unsealedBytes(): number {
    return this.#sealer.waitingBytes;
  }

  // Checks throw at once, inside an async function: a refused request never takes a place in the order.
  async append(append: TopicAppend, producer?: ProducerStamp, era?: number): Promise<AppendResult> {
    if (this.#state.topics.findStored(append.topic) === NO_ROW) checkTopicName(append.topic);
    checkStamp(producer);
    checkAppend(append, MESSAGE_BYTES_MAX);
    return await this.#enqueue(() => this.#staging.append(append, producer, era), {
      payloadBytes: append.payload.length,
      onRefused: (code) => {
        if (producer !== undefined) this.#staging.producers.refused(producer, code);
      },
    });
  }

  async commit(request: CommitRequest): Promise<CommitResult> {
    checkCommit(request);
    return await this.#enqueue(() => this.#staging.commit(request), { payloadBytes: request.payload.length });
  }

  async deletePosition(request: PositionDeletion): Promise<void> {
    checkName('group', request.group);
    checkName('position name', request.name);
    await this.#enqueue(() => this.#staging.deletePosition(request), { isAlone: true });
  }

  async createTopic(topic: string): Promise<TopicInfo> {
    checkTopicName(topic);
    return await this.#enqueue(() => this.#staging.createTopic(topic));
  }

  deleteTopics(topics: readonly string[]): Promise<string[]> {
    return this.#enqueue(() => this.#staging.deleteTopics(topics), { isAlone: true });
  }

  async advanceGroupEpoch(group: string, sourceTopic?: string): Promise<number> {
    checkName('group', group);
    if (sourceTopic !== undefined) checkTopicName(sourceTopic);
    return await this.#enqueue(() => this.#staging.advanceGroupEpoch(group, sourceTopic), { isAlone: true });
  }

  async deleteGroup(group: string): Promise<boolean> {
    checkName('group', group);
    return await this.#enqueue(() => this.#staging.deleteGroup(group), { isAlone: true });
  }

  expireGroups(idleMs: number, hasMember: (group: string) => boolean): Promise<ExpiredGroup[]> {
    return this.#enqueue(() => this.#staging.expireGroups(idleMs, hasMember), { isAlone: true });
  }

  groups(): Promise<StoredGroup[]> {
    return this.#enqueue(() => () => storedGroups(this.#state), { isRead: true });
  }

  async retireProducer(id: string, epoch: number): Promise<void> {
    checkProducer({ id, epoch });
    await this.#enqueue(() => this.#staging.retireProducer(id, epoch), { isAlone: true });
  }

  /** Without listing them, which sorts their names. */
  get topicCount(): number {
    return this.#state.topics.size;
  }

  get producerCount(): number {
    return this.#state.producers.size;
  }

  get producersMax(): number {
    return this.#options.producersMax;
  }

  get producerEra(): number {
    return this.#staging.producers.era;
  }

  expireProducers(unusedMs: number): Promise<number> {
    return this.#enqueue(() => this.#staging.expireProducers(unusedMs), { isAlone: true });
  }

  topic(name: string): TopicInfo | undefined {
    const row = this.#state.topics.findStored(name);
    return row === NO_ROW ? undefined : this.#state.topics.info(row);
  }

  topics(query: { prefix: string; after: string; limit: number }): { topics: TopicInfo[]; more: boolean } {
    return this.#applier.topicList.list(query);
  }

  positions(group: string, topic: string): Promise<StoredPosition[]> {
    return this.#enqueue(() => () => storedPositions(this.#state, group, topic), { isRead: true });
  }

  read(topic: string, incarnation: Incarnation, fromOffset: number, bytesMax: number): Promise<RecordBatch[]> {
    return this.#messages.read(topic, incarnation, fromOffset, bytesMax);
  }

  scan(like: string, from: ScanPlace, bytesMax: number): Promise<ScannedRows> {
    return this.#scanner.scan(like, from, bytesMax);
  }

  onChange(topic: string, listener: () => void): () => void {
    return this.#applier.onChange(topic, listener);
  }

  clockMs(): number {
    return this.#logClock.now();
  }

  async close(): Promise<void> {
    void this.#syncs?.stop();
    // What is sealed from now on is not recorded, and is sealed again after the next start.
    void this.#queue.close();
    await this.#retention.stop();
    await this.#sealer.stop();
    await this.#queue.close();
    try {
      // Not after a failure: a second fdatasync can succeed and lie, and what is attested must be on the disk.
      if (!this.#queue.hasFailed) {
        await this.#journal.sync();
        await this.#journal.clearNext();
        failpoint('stop.before-attestation');
        const attestation = { lsn: this.#journal.lsn, timestampMs: this.#logClock.now() };
        await writeAttestation(this.#given.fileSystem, this.#directories.journal, attestation);
      }
    } catch (error) {
      this.#logger.warn({ reason: String(error) }, 'clean-shutdown marker not written');
    }
    await this.#handles.close();
    await this.#journal.close();
    await this.#unlock();
  }

  #enqueue<T>(stage: QueuedRequest<T>['stage'], rest: Partial<Omit<QueuedRequest<T>, 'stage'>> = {}): Promise<T> {
    return this.#queue.enqueue({ payloadBytes: 0, isAlone: false, isRead: false, ...rest, stage });
  }

  /** Only what is sealed can be dropped. */
  #leaveOldSegment(): void {
    // What the log notes for itself needs no run.
    const oldest = this.#unsealed.segments.find(({ pieces }) => pieces > 0);
    if (oldest === undefined || this.#logClock.now() - oldest.firstTimestampMs < this.#options.segmentAgeMaxMs) return;
    this.#journal.rollSoon();
    const rolled = this.#queue.between(() => this.#journal.prepare());
    rolled.then(
      () => {
        this.#sealer.force();
      },
      (error: unknown) => {
        if (isPulsesError(error, 'STORAGE_FAILED')) this.#queue.fail(error);
      },
    );
  }
}
