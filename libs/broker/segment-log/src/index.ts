export { openSegmentLog } from './open-segment-log';
export type { FsyncPolicy, OpenSegmentLogOptions } from './options';
export type { SegmentLog } from './segment-log';

// The formats of the files, for the check and the repair of a data directory.
export { decodeCheckpoint, encodeCheckpoint, foreignFormatOf, type Checkpoint } from './checkpoint/checkpoint-codec';
export { checkpointName, listCheckpoints, storeCheckpoint } from './checkpoint/checkpoint-store';
export {
  applyFrame,
  createState,
  StateMismatch,
  UNKNOWN_OWNER,
  type Effects,
  type LogState,
  type Run,
} from './commit/log-state';
export { directoriesOf, type Directories } from './disk/data-directory';
export { checkPlace } from './disk/directory-rights';
export { readManifest, writeManifest } from './disk/manifest';
export { MANIFEST } from './disk/names';
export { ofAnotherRelease, systemCode } from './disk/disk-errors';
export { createWindowReader, type WindowReader } from './disk/file-window';
export { createOrReset, readUpTo, writeAll } from './disk/full-io';
export { readWhole, TEMPORARY_SUFFIX } from './disk/replaced-file';
export { ATTESTATION_NAME, readAttestation, writeAttestation, type Attestation } from './journal/attestation';
export type { Entry } from './journal/entries';
export {
  columnsOf,
  entriesOf,
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  readHeader,
  sealFrame,
  type FrameHeader,
} from './journal/frame';
export {
  decodeSegmentHeader,
  encodeSegmentHeader,
  firstLsnOf,
  isSameLog,
  LOG_ID_BYTES,
  SEGMENT_HEADER_BYTES,
  segmentName,
  type LogIdentity,
  type SegmentHeader,
} from './journal/segment-header';
export { isSpareHeader } from './journal/spare-segments';
export { TOPIC_KINDS_MAX } from './options';
export {
  blockOf,
  blockSeed,
  decodeBlock,
  decodeIndex,
  decodeRunHeader,
  DirectoryWriter,
  encodeRunHeader,
  hasPieceCrcs,
  PIECE_BYTES,
  piecesCrcOf,
  PieceTable,
  placesOf,
  RUN_HEADER_BYTES,
  runName,
  uncheckedEntries,
  type RunEntry,
  type RunHeader,
} from './segments/run-format';
export { NO_ROW } from './topics/topic-table';
