export type { ColumnarCommit, ColumnarResult } from './commit/columnar-commit';
export { openSegmentLog } from './open-segment-log';
export type {
  FsyncPolicy,
  JournalMode,
  OpenSegmentLogOptions,
  RetentionPolicy,
  SegmentLogMetrics,
  SegmentLogOptions,
} from './options';
export type { SegmentLog } from './segment-log';
