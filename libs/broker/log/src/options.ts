// What the log is given: limits with their defaults, and who listens.

import type { Clock, FileSystem, FileWriter, Logger, Random } from '@pulses/shared-ports';
import type { RetentionPolicy } from './retention';

/**
 * When written frames are made durable: before each acknowledgement, every `intervalMs`, or when the system likes.
 * With the last two an acknowledged message can be lost in a power cut; that is the user's choice.
 */
export type FsyncPolicy =
  { readonly mode: 'always' } | { readonly mode: 'interval'; readonly intervalMs: number } | { readonly mode: 'never' };

export interface BrokerLogOptions {
  readonly fsync: FsyncPolicy;
  /** A journal segment is left for a new one once it is this long. */
  readonly segmentBytesMax: number;
  /** Requests that wait are gathered into one frame up to this many bytes. */
  readonly groupBytesMax: number;
  /** Payload that may wait for the disk; more is refused with OVERLOADED. */
  readonly pendingBytesMax: number;
  /** Newest messages kept in memory, for readers and for the topics' files. */
  readonly tailBytesMax: number;
  /** Messages that may be in the journal alone, not yet in the topics' files; beyond it, commits wait. */
  readonly unwrittenBytesMax: number;
  /** Of those, payload in memory: beyond it commits wait too, since what leaves memory has to be read from the journal again. */
  readonly unwrittenLoadedBytesMax: number;
  /** Unwritten batches: each takes some 150 bytes of memory. */
  readonly unwrittenBatchesMax: number;
  /** Messages that are written to the topics' files at once; when so many wait, without the delay. */
  readonly passBytesMax: number;
  /** How far the topics' files trail the newest message. */
  readonly materialiseDelayMs: number;
  /** A topic segment is left for a new one once it is this long. */
  readonly topicSegmentBytesMax: number;
  /** Entries of a topic segment's index that wait in memory, and are then written together. */
  readonly entriesHeldMax: number;
  /** Journal between two checkpoints: what a start has to read again as a whole. */
  readonly checkpointBytes: number;
  /** How often retention looks for messages that need not be kept. */
  readonly retentionIntervalMs: number;
  /** Topic files that stay open. */
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

export const BROKER_LOG_DEFAULTS: BrokerLogOptions = {
  fsync: { mode: 'always' },
  segmentBytesMax: 64 * MIB,
  groupBytesMax: MIB,
  pendingBytesMax: 64 * MIB,
  tailBytesMax: 40 * MIB,
  unwrittenBytesMax: 512 * MIB,
  unwrittenLoadedBytesMax: 32 * MIB,
  unwrittenBatchesMax: 250_000,
  passBytesMax: 16 * MIB,
  materialiseDelayMs: 500,
  topicSegmentBytesMax: 64 * MIB,
  entriesHeldMax: 64,
  checkpointBytes: 64 * MIB,
  retentionIntervalMs: 60_000,
  openFilesMax: 4_096,
  topicsMax: 1_000_000,
  producersMax: 65_536,
  groupsMax: 10_000,
  positionsMax: 32_768,
  positionsPerTopicMax: 1_024,
};

/** Called on the main path: a hook adds to a counter and returns. */
export interface LogMetrics {
  /** An fdatasync of the journal took this long. */
  fsynced?(seconds: number): void;
  /** Messages have become durable in a topic. */
  appended?(topic: string, recordCount: number, bytes: number): void;
  /** A full disk has refused changes. */
  storageFull?(): void;
  /** Retention has removed messages of a topic. */
  trimmed?(topic: string, recordCount: number): void;
}

export interface OpenBrokerLogOptions {
  readonly fileSystem: FileSystem;
  /** Of the topics' files; without it they are written one by one, through `fileSystem`. */
  readonly fileWriter?: FileWriter;
  readonly clock: Clock;
  readonly random: Random;
  /** The data directory. */
  readonly directory: string;
  /** What is left out has its default. */
  readonly options?: Partial<BrokerLogOptions>;
  /** What of a topic may go; undefined, and absent, keeps everything. Asked often: it has to be quick. */
  readonly retention?: (topic: string) => RetentionPolicy | undefined;
  readonly logger?: Logger;
  readonly metrics?: LogMetrics;
}
