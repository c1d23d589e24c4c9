// What a survey of a data directory tells.

import type { ComparedSegment } from './fsck-compare';
import type { JournalHole, JournalWalk } from './fsck-journal';
import type { FindingList, OffsetRange } from './fsck-report';
import type { TolerantState } from './fsck-state';
import type { TopicState } from './state';
import type { SegmentState } from './topic-files';

export interface SurveyProgress {
  readonly phase: 'journal' | 'topics' | 'comparison' | 'writing';
  /** Bytes that were read or written so far, in all phases. */
  readonly bytes: number;
}

export interface SurveyedTopic {
  readonly topic: TopicState;
  readonly incarnation: string;
  readonly directory: string;
  readonly segments: (ComparedSegment & { isDamaged: boolean })[];
  /** See TopicCheckOptions. */
  readonly certainEnd: number;
  /** Offsets that are sound in the files, and that a checkpoint covers or at least counts. */
  readonly durable: OffsetRange[];
  /** Offsets that are sound in the files, all of them. */
  readonly inFiles: OffsetRange[];
  readonly inJournal: OffsetRange[];
  /** True when what no checkpoint covers counts too: the frames that it came from are lost. */
  readonly usesLoose: boolean;
  /** Offsets that the state knows of and nothing holds. */
  missing: OffsetRange[];
}

/** Messages of a frame, and where they lie. */
export interface JournalPiece extends OffsetRange {
  readonly timestampMs: number;
  readonly path: string;
  /** Where they start in the segment of the journal. */
  readonly position: number;
  readonly length: number;
}

export interface Survey {
  readonly list: FindingList;
  /** From the newest valid checkpoint. */
  readonly logId: Uint8Array | undefined;
  /** Files, valid or not. */
  readonly checkpoints: number;
  /** See TopicCheckOptions. */
  segmentsOf(topicId: number): readonly SegmentState[] | undefined;
  readonly tolerant: TolerantState;
  readonly walk: JournalWalk;
  /** Frames that are lost, and that no checkpoint counts. */
  readonly holes: readonly JournalHole[];
  /** True when no checkpoint is valid, and the journal that could do without is not whole either. */
  readonly isBeginningLost: boolean;
  /** True when the journal ends in what looks like a torn frame, and what could attest it is damaged. */
  readonly isEndUncertain: boolean;
  readonly topics: ReadonlyMap<number, SurveyedTopic>;
  readonly lastTimestampMs: number;
  readonly counts: { bytes: number; topicSegments: number; blocks: number };
}
