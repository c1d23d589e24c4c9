// The state that a journal is applied to: that of a checkpoint, an empty one, or what runs tell when both are gone.

import {
  createState,
  decodeRunHeader,
  readUpTo,
  RUN_HEADER_BYTES,
  runName,
  type Checkpoint,
  type Directories,
  type LogState,
  type Run,
} from '@pulses/broker-segment-log';
import type { FileSystem } from '@pulses/shared-ports';
import type { JournalWalk, WalkedFrame } from '../journal/journal-walk';
import { createFindingList } from '../report';
import { walkRun } from '../runs/run-reader';

const RUN = /^(\d{16})\.(\d+)\.run$/;
const NO_LOG_ID = new Uint8Array(12);

export interface BaseOptions {
  readonly fileSystem: FileSystem;
  readonly directories: Directories;
  readonly checkpoint: Checkpoint | undefined;
  readonly walk: JournalWalk;
  readonly manifestLogId: Uint8Array | undefined;
  readonly kindOf: (topic: string) => number;
  /** A name for a topic that has none any more. */
  readonly nameFor: (topicId: number, kind: number) => string;
}

export interface BaseState {
  readonly state: LogState;
  /** Of every file: known also when the journal is gone. */
  readonly logId: Uint8Array | undefined;
  /** Ids of topics whose names nothing tells. */
  readonly unnamed: readonly number[];
  /** True when neither a checkpoint nor the journal tells how the log began. */
  readonly isBeginningLost: boolean;
}

export async function baseStateOf(options: BaseOptions): Promise<BaseState> {
  const { checkpoint, walk, kindOf } = options;
  const logId = checkpoint?.identity.logId ?? walk.identity?.logId ?? options.manifestLogId;
  if (checkpoint !== undefined) return { state: checkpoint.state, logId, unnamed: [], isBeginningLost: false };
  const isWhole = walk.firstLsn === 1 && walk.holes[0]?.fromLsn !== 1;
  if (isWhole) return { state: createState(logId ?? NO_LOG_ID, kindOf), logId, unnamed: [], isBeginningLost: false };
  return await stateOfRuns(options, logId);
}

/** What the journal still has is not taken from runs. */
async function stateOfRuns(options: BaseOptions, journalLogId: Uint8Array | undefined): Promise<BaseState> {
  const { fileSystem, directories, walk, kindOf, nameFor } = options;
  const found = await listRuns(options);
  const logId = journalLogId ?? found[0]?.logId;
  const untilLsn = (walk.frames[0]?.lsn ?? Infinity) - 1;
  const runs = found.map(({ run }) => run).filter(({ lastLsn }) => lastLsn <= untilLsn);
  const topics = new Map<
    number,
    { startOffset: number; nextOffset: number; bytes: number; first: number; last: number; kind: number }
  >();
  for (const run of runs) {
    await walkRun({
      fileSystem,
      path: `${directories.runs}/${runName(run)}`,
      run,
      logId,
      list: createFindingList(),
      onBytes: () => undefined,
      visit: ({ topicId, baseOffset, count, length, parts, isProven }) => {
        if (!isProven) return;
        const first = parts[0]?.timestampMs ?? 0;
        const known = topics.get(topicId) ?? {
          startOffset: baseOffset,
          nextOffset: 0,
          bytes: 0,
          first,
          last: 0,
          kind: run.kind,
        };
        known.nextOffset = Math.max(known.nextOffset, baseOffset + count);
        known.bytes += length;
        known.last = parts.at(-1)?.timestampMs ?? known.last;
        topics.set(topicId, known);
      },
    });
  }
  const state = createState(logId ?? NO_LOG_ID, kindOf);
  const names = namesIn(walk.frames);
  const unnamed: number[] = [];
  for (const [id, { startOffset, nextOffset, bytes, first, last, kind }] of [...topics].sort(
    ([left], [right]) => left - right,
  )) {
    if (!names.has(id)) unnamed.push(id);
    if (!state.topics.create(id, names.get(id) ?? nameFor(id, kind))) continue;
    state.topics.restore(state.topics.rowOf(id), {
      startOffset,
      nextOffset,
      bytes,
      firstTimestampMs: first,
      lastTimestampMs: last,
    });
  }
  state.runs = runs;
  state.sealedLsn = Math.max(0, Number.isFinite(untilLsn) ? untilLsn : 0, ...runs.map(({ lastLsn }) => lastLsn));
  state.lsn = state.sealedLsn;
  return { state, logId, unnamed, isBeginningLost: true };
}

/** Runs whose headers are valid, in the order of their frames. */
async function listRuns({ fileSystem, directories }: BaseOptions): Promise<{ run: Run; logId: Uint8Array }[]> {
  const runs: { run: Run; logId: Uint8Array }[] = [];
  for (const name of (await fileSystem.list(directories.runs)).sort()) {
    if (!RUN.test(name)) continue;
    const file = await fileSystem.open(`${directories.runs}/${name}`, 'read');
    try {
      const bytes = new Uint8Array(RUN_HEADER_BYTES);
      const header = decodeRunHeader(bytes.subarray(0, await readUpTo(file, bytes, 0)))?.header;
      if (header === undefined || runName(header) !== name) continue;
      const { kind, firstLsn, lastLsn, logId } = header;
      runs.push({ run: { kind, firstLsn, lastLsn, bytes: await file.size() }, logId });
    } finally {
      await file.close();
    }
  }
  return runs;
}

/** By topic id: every name that a frame gives. */
function namesIn(frames: readonly WalkedFrame[]): Map<number, string> {
  const names = new Map<number, string>();
  for (const { entries } of frames) {
    for (const entry of entries) {
      if (entry.kind !== 'topics-created') continue;
      for (const [index, name] of entry.names.entries()) names.set(entry.firstId + index, name);
    }
  }
  return names;
}
