// What the log is given: limits with their defaults, and who listens.

import type { Clock, FileSystem, Logger, Random } from '@pulses/shared-ports';

/**
 * When written frames are made durable: before each acknowledgement, every `intervalMs`, or when the system likes.
 * With the last two an acknowledged message can be lost in a power cut; that is the user's choice.
 */
export type FsyncPolicy =
  { readonly mode: 'always' } | { readonly mode: 'interval'; readonly intervalMs: number } | { readonly mode: 'never' };

/** Absent fields keep everything. */
export interface RetentionPolicy {
  /** Messages stay until a group has read them, also while no group reads the topic. */
  readonly keepsUnread?: boolean | undefined;
  /** Messages older than this go. */
  readonly ageMs?: number | undefined;
  /** The newest messages of a topic, so long together, stay; older ones go. */
  readonly bytes?: number | undefined;
}

/**
 * How segments come about. `append`: new files that grow, synchronised by fdatasync, right on every disk. `recycled`: files
 * that were written in full before, written through. `auto` measures at the start whether that is quicker, and writes
 * through in either case. It makes no files in advance: segments that are given up are used again.
 */
export type JournalMode = 'auto' | 'append' | 'recycled';

export interface SegmentLogOptions {
  readonly fsync: FsyncPolicy;
  readonly journalMode: JournalMode;
  /** A journal segment is left for a new one once it is this long. Full ones are sealed once they are so long together. */
  readonly segmentBytesMax: number;
  /** A segment is left, however short, once its first message is this old: only sealed messages can be dropped. */
  readonly segmentAgeMaxMs: number;
  /** Requests that wait are written together up to this many bytes. */
  readonly groupBytesMax: number;
  /** Payload that may wait for the disk; more is refused with OVERLOADED. */
  readonly pendingBytesMax: number;
  /** Newest part of the journal that is kept in memory, for readers. */
  readonly tailBytesMax: number;
  /** Journal that may wait to be sealed; beyond it, commits wait. */
  readonly unsealedBytesMax: number;
  /** How often retention looks for messages that need not be kept. */
  readonly retentionIntervalMs: number;
  /** After a full disk, sealing is tried again after this time. */
  readonly retryDelayMs: number;
  /** Files of runs and segments that readers keep open. */
  readonly openFilesMax: number;
  readonly topicsMax: number;
  /** Producers that have not retired, and were used within PRODUCER_KEPT_MS. */
  readonly producersMax: number;
  readonly groupsMax: number;
  /** Positions of all groups together. */
  readonly positionsMax: number;
  /** Positions of one group in one topic. */
  readonly positionsPerTopicMax: number;
}

const MIB = 1024 * 1024;

export const SEGMENT_LOG_DEFAULTS: SegmentLogOptions = {
  fsync: { mode: 'always' },
  journalMode: 'append',
  segmentBytesMax: 64 * MIB,
  segmentAgeMaxMs: 3_600_000,
  groupBytesMax: 4 * MIB,
  pendingBytesMax: 64 * MIB,
  tailBytesMax: 64 * MIB,
  unsealedBytesMax: 512 * MIB,
  retentionIntervalMs: 60_000,
  retryDelayMs: 1_000,
  openFilesMax: 64,
  topicsMax: 1_000_000,
  producersMax: 65_536,
  groupsMax: 10_000,
  positionsMax: 32_768,
  positionsPerTopicMax: 1_024,
};

/** Written through, a group is durable after one call of the system. `append` asks for no more than fdatasync. */
export function journalOpenMode({ fsync, journalMode }: SegmentLogOptions): 'write' | 'write-through' {
  return fsync.mode === 'always' && journalMode !== 'append' ? 'write-through' : 'write';
}

/** Kinds of topics, numbered from 0: each has runs of its own, so that retention of a kind removes whole files. */
export const TOPIC_KINDS_MAX = 8;

/** Called on the main path: a hook adds to a counter and returns. */
export interface SegmentLogMetrics {
  /** A synchronisation of the journal took this long. */
  fsynced?(seconds: number): void;
  /** Messages have become durable in topics of a kind. */
  appended?(kind: number, recordCount: number, bytes: number): void;
  /** A full disk has refused changes. */
  storageFull?(): void;
  /** Retention has removed messages of topics of a kind. */
  trimmed?(kind: number, recordCount: number): void;
}

export interface OpenSegmentLogOptions {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly random: Random;
  /** The data directory. */
  readonly directory: string;
  /** What is left out has its default. */
  readonly options?: Partial<SegmentLogOptions>;
  /** The kind of a topic, below TOPIC_KINDS_MAX. Asked once for each topic, and always answered alike. Absent: 0. */
  readonly kindOf?: (topic: string) => number;
  /** What of the topics of a kind may go; undefined, and absent, keeps everything. Asked often: it has to be quick. */
  readonly retention?: (kind: number) => RetentionPolicy | undefined;
  readonly logger?: Logger;
  readonly metrics?: SegmentLogMetrics;
}
