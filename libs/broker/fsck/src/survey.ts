// Looks at all of a data directory that no broker has open: what is there, what is damaged, what is lost. The check and the
// repair both go by it.
//
// Guarantees: nothing is changed; damage ends neither the survey nor what it finds elsewhere. A message is lost when
// the state knows of it and it is valid neither in a run nor in the journal. Bounds: the state, columns and entries of the
// journal, a few numbers for each topic and run, windows of open files.

import {
  MANIFEST,
  NO_ROW,
  directoriesOf,
  runName,
  systemCode,
  type Directories,
  type LogState,
  type Run,
} from '@pulses/broker-segment-log';
import type { FileSystem } from '@pulses/shared-ports';
import { baseStateOf } from './state/base-state';
import { RunComparison } from './runs/compare';
import { Coverage } from './runs/coverage';
import { walkJournal, type JournalHole, type JournalWalk, type WalkedFrame } from './journal/journal-walk';
import { RunMender, type Fill } from './runs/mend-runs';
import { Placement } from './state/placement';
import { createFindingList, type Finding, type FindingList, type OffsetRange } from './report';
import { resettle } from './state/resettle';
import { walkRun } from './runs/run-reader';
import { surveyAttestation, surveyCheckpoints, surveyManifest } from './state/small-files';
import { checkPositions, findStrays } from './runs/strays';
import { TolerantState, topicIdsOf } from './state/tolerant-state';

export interface SurveyProgress {
  readonly phase: 'journal' | 'runs' | 'writing';
  /** Bytes that were read or written so far, in all phases. */
  readonly bytes: number;
}

export interface SurveyOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly onProgress?: ((progress: SurveyProgress) => void) | undefined;
  readonly kindOf: (topic: string) => number;
}

/** Messages that are nowhere, and what they were lost to. */
export interface Loss extends OffsetRange {
  readonly topicId: number;
  readonly finding: Finding;
}

export interface SurveyedRun {
  readonly run: Run;
  readonly path: string;
  /** The first damage of it. */
  readonly finding: Finding | undefined;
  /** By topic id: what is damaged of its part. */
  readonly damages: ReadonlyMap<number, Finding>;
  /** Topics whose entry nothing proves and that does not fit: they are not there. */
  readonly refused: ReadonlySet<number>;
  /** What it should have, and has not. */
  readonly fills: Fill[];
}

export interface Survey {
  readonly list: FindingList;
  readonly logId: Uint8Array | undefined;
  readonly checkpoints: number;
  readonly tolerant: TolerantState;
  readonly walk: JournalWalk;
  /** Frames that are lost, and that no checkpoint counts. */
  readonly holes: readonly JournalHole[];
  readonly runs: readonly SurveyedRun[];
  /** Gaps that no run can take. */
  readonly homeless: readonly Fill[];
  readonly placement: Placement;
  readonly losses: readonly Loss[];
  /** See BaseState. */
  readonly isBeginningLost: boolean;
  /** True when the journal ends in what looks like a torn frame, and what could attest it is damaged. */
  readonly isEndUncertain: boolean;
  readonly lastTimestampMs: number;
  readonly counts: { bytes: number; blocks: number };
}

/** The caller holds the lock of the directory. @throws PulsesError CONFIG_INVALID (another release wrote it); the port's error */
export async function surveyDirectory(options: SurveyOptions): Promise<Survey> {
  return await new Surveyor(options).survey();
}

class Surveyor {
  readonly #fileSystem: FileSystem;
  readonly #directories: Directories;
  readonly #options: SurveyOptions;
  readonly #list = createFindingList();
  readonly #counts = { bytes: 0, blocks: 0 };
  readonly #losses: Loss[] = [];
  #phase: SurveyProgress['phase'] = 'journal';

  constructor(options: SurveyOptions) {
    const { fileSystem, directory } = options;
    this.#options = options;
    this.#fileSystem = { ...fileSystem, list: (path) => listOrNone(fileSystem, path) };
    this.#directories = directoriesOf(directory);
  }

  async survey(): Promise<Survey> {
    const { kindOf } = this.#options;
    const common = { fileSystem: this.#fileSystem, list: this.#list, onBytes: this.#onBytes };
    const directories = this.#directories;
    const small = { ...common, directories, kindOf };
    const manifestLogId = await surveyManifest(small);
    const attested = await surveyAttestation(small);
    const attestation = attested === 'damaged' ? undefined : attested;
    const { checkpoint, highestLsn, neededLsn, count } = await surveyCheckpoints(small);
    const checkpointLsn = checkpoint?.state.lsn ?? 0;
    const walk = await walkJournal({
      ...common,
      directory: directories.journal,
      identity: checkpoint?.identity,
      neededLsn,
      attestedLsn: Math.max(attestation?.lsn ?? 0, highestLsn),
      stoppedLsn: attestation?.lsn,
    });
    if (checkpoint !== undefined) this.#checkBelongs(walk.frames, checkpointLsn, checkpoint.frameCrc);
    const nameFor = (topicId: number, kind?: number): string => unusedName(topicId, kind, kindOf);
    this.#checkManifest(manifestLogId, walk.identity?.logId);
    const base = await baseStateOf({ ...small, checkpoint, walk, nameFor, manifestLogId });
    if (base.isBeginningLost) this.#tellBeginning(count);
    const tolerant = new TolerantState(base.state, nameFor);
    for (const id of base.unnamed) tolerant.unnamed.add(id);
    const startLsn = base.state.lsn;
    const holes = this.#applyFrames(tolerant, walk, startLsn, base.isBeginningLost);
    const { state } = tolerant;

    this.#phase = 'runs';
    const coverage = new Coverage(state);
    if (holes.length > 0) await this.#adoptTopics(tolerant, holes);
    const runs = await this.#surveyRuns(state, base.logId, coverage, walk.frames);
    const placement = this.#place(tolerant, walk, coverage, {
      startLsn,
      isRaised: holes.length > 0 || base.isBeginningLost,
    });
    const homeless = this.#mend(runs, coverage, walk.frames);
    this.#tellUnsealed(state, placement);
    tellLosses(state, this.#losses);
    if (walk.firstLsn === undefined && !this.#list.findings.some(({ file }) => file === directories.journal)) {
      this.#list.add('damage', directories.journal, 0, 'the journal is missing');
    }
    await findStrays(this.#fileSystem, directories, state, this.#list);
    checkPositions(this.#list, directories.data, state);
    return {
      ...{ list: this.#list, logId: base.logId, checkpoints: count, tolerant, walk, holes, runs, homeless, placement },
      losses: this.#losses,
      isBeginningLost: base.isBeginningLost,
      isEndUncertain: attested === 'damaged' && walk.tornBytes > 0,
      lastTimestampMs: Math.max(state.lastTimestampMs, attestation?.timestampMs ?? 0),
      counts: this.#counts,
    };
  }

  readonly #onBytes = (count: number): void => {
    this.#counts.bytes += count;
    this.#options.onProgress?.({ phase: this.#phase, bytes: this.#counts.bytes });
  };

  #checkBelongs(frames: readonly WalkedFrame[], lsn: number, frameCrc: number): void {
    const own = frames.find((frame) => frame.lsn === lsn);
    const next = frames.find((frame) => frame.lsn === lsn + 1);
    const other = own !== undefined && own.crc !== frameCrc ? own : next;
    if (other === undefined || (other === next && next.previousCrc === frameCrc)) return;
    this.#list.add('damage', other.path, 0, `frame ${other.lsn} is not the one that the checkpoint knows`);
  }

  #checkManifest(stated: Uint8Array | undefined, found: Uint8Array | undefined): void {
    if (stated === undefined || found === undefined || Buffer.compare(stated, found) === 0) return;
    const path = `${this.#directories.data}/${MANIFEST}`;
    this.#list.add('damage', path, 0, 'the journal belongs to another log');
  }

  #tellBeginning(checkpoints: number): void {
    if (checkpoints > 0) return;
    this.#list.add('damage', this.#directories.checkpoints, 0, 'there are stored messages, and no checkpoint');
  }

  /** @returns holes that no checkpoint counts */
  #applyFrames(tolerant: TolerantState, walk: JournalWalk, startLsn: number, isBeginningLost: boolean): JournalHole[] {
    const holes = walk.holes.filter(({ toLsn }) => toLsn > startLsn);
    let hole = 0;
    let areFramesLost = isBeginningLost;
    if (isBeginningLost) tolerant.lostFrames();
    const passHoles = (lsn: number): void => {
      for (; (holes[hole]?.fromLsn ?? Infinity) < lsn; hole += 1) {
        areFramesLost = true;
        tolerant.lostFrames();
      }
    };
    for (const frame of walk.frames) {
      // Without a checkpoint, what is sealed still tells of positions and owners.
      if (frame.lsn <= startLsn && !isBeginningLost) continue;
      passHoles(frame.lsn);
      tolerant.apply(frame, frame.lsn > startLsn, (what) => {
        if (!areFramesLost) this.#list.add('damage', frame.path, frame.payloadAt, `frame ${frame.lsn}: ${what}`);
      });
    }
    passHoles(Infinity);
    return holes;
  }

  /** Frames that are lost may be sealed: then runs tell of topics that they made. */
  async #adoptTopics(tolerant: TolerantState, holes: readonly JournalHole[]): Promise<void> {
    for (const run of tolerant.state.runs) {
      if (!holes.some(({ fromLsn, toLsn }) => fromLsn <= run.lastLsn && toLsn >= run.firstLsn)) continue;
      await walkRun({
        ...{ fileSystem: this.#fileSystem, path: `${this.#directories.runs}/${runName(run)}`, run, logId: undefined },
        ...{ list: createFindingList(), onBytes: () => undefined },
        visit: ({ topicId, baseOffset, isProven }) => {
          if (isProven) tolerant.adopt(topicId, run.kind, baseOffset);
        },
      });
    }
  }

  /** @param isRaised true when runs may hold more than the frames tell, some of which are lost */
  #place(
    tolerant: TolerantState,
    walk: JournalWalk,
    coverage: Coverage,
    { startLsn, isRaised }: { startLsn: number; isRaised: boolean },
  ): Placement {
    const { state } = tolerant;
    const frames = walk.frames.filter(({ lsn }) => lsn > state.sealedLsn);
    const { topics, sealedLsn } = state;
    const lifts = isRaised ? resettle(tolerant, frames, walk.holes, coverage) : [];
    const placement = new Placement({
      ...{ state, frames, holes: walk.holes, lifts, checkpointLsn: startLsn },
      coveredEnd: (topicId) => coverage.endOf(topicId),
      unexplained: () => this.#list.add('damage', this.#directories.journal, 0, 'messages of the journal are missing'),
    });
    for (const topicId of topicIdsOf(state)) {
      const row = topics.rowOf(topicId);
      const sealed = placement.sealedOffset(topicId);
      if (coverage.endOf(topicId) > Math.max(sealed, topics.startOffset(row))) {
        const what = `runs hold more of topic ${topics.nameOf(row)} than the state says`;
        this.#list.add('damage', this.#directories.runs, 0, what);
      }
      coverage.finish(topicId, sealed);
    }
    if (!walk.holes.some(({ toLsn }) => toLsn > sealedLsn)) tolerant.uncertainOffsets.clear();
    return placement;
  }

  async #surveyRuns(
    state: LogState,
    logId: Uint8Array | undefined,
    coverage: Coverage,
    frames: readonly WalkedFrame[],
  ): Promise<SurveyedRun[]> {
    const surveyed: SurveyedRun[] = [];
    for (const [index, run] of state.runs.entries()) {
      const path = `${this.#directories.runs}/${runName(run)}`;
      const refused = new Set<number>();
      const damages = new Map<number, Finding>();
      const comparison = await RunComparison.of(this.#fileSystem, frames, run);
      const { findings, blocks } = await walkRun({
        ...{ fileSystem: this.#fileSystem, path, run, logId, list: this.#list, onBytes: this.#onBytes },
        visit: (entry) => {
          if (entry.finding !== undefined) damages.set(entry.topicId, entry.finding);
          if (!coverage.add(index, entry)) refused.add(entry.topicId);
        },
        onPart: (topicId, fromEnd, part, bytes) => {
          const lsn = comparison?.frameOtherThan(topicId, fromEnd, part, bytes);
          if (lsn === undefined) return;
          const what = `the messages of topic id ${topicId} are not those of the journal, frame ${lsn}`;
          this.#list.add('damage', path, part.position, what);
        },
      });
      this.#counts.blocks += blocks;
      surveyed.push({ run, path, finding: findings[0], damages, refused, fills: [] });
    }
    return surveyed;
  }

  /** @returns what no run can take */
  #mend(runs: readonly SurveyedRun[], coverage: Coverage, frames: readonly WalkedFrame[]): Fill[] {
    const isDamaged = (run: number): boolean => runs[run]?.finding !== undefined;
    const mender = new RunMender(
      runs.map(({ run }) => run),
      isDamaged,
      frames,
    );
    const homeless: Fill[] = [];
    for (const gap of coverage.gaps) {
      for (const fill of mender.fillsOf(gap)) {
        (runs[fill.run]?.fills ?? homeless).push(fill);
        for (const lost of fill.lost) {
          const run = runs[fill.run];
          const path = run?.path ?? this.#directories.runs;
          const known = run?.damages.get(gap.topicId) ?? run?.finding;
          const what = `the messages from offset ${lost.fromOffset} to ${lost.toOffset - 1} of topic id ${gap.topicId} are in no file`;
          this.#lose({ topicId: gap.topicId, ...lost, finding: known ?? this.#list.add('damage', path, 0, what) });
        }
      }
    }
    return homeless;
  }

  #tellUnsealed(state: LogState, placement: Placement): void {
    for (const { topicId, fromOffset, toOffset, finding } of placement.pieces()) {
      const row = state.topics.rowOf(topicId);
      if (finding === undefined || row === NO_ROW) continue;
      const from = Math.max(fromOffset, state.topics.startOffset(row));
      if (from < toOffset) this.#lose({ topicId, fromOffset: from, toOffset, finding });
    }
  }

  #lose(loss: Loss): void {
    const before = this.#losses.at(-1);
    if (before?.topicId === loss.topicId && before.finding === loss.finding && before.toOffset === loss.fromOffset) {
      this.#losses[this.#losses.length - 1] = { ...before, toOffset: loss.toOffset };
    } else {
      this.#losses.push(loss);
    }
  }
}

/** At each finding: what it has cost. */
function tellLosses({ topics }: LogState, losses: readonly Loss[]): void {
  for (const { topicId, fromOffset, toOffset, finding } of losses) {
    finding.lost.push({ topic: topics.nameOf(topics.rowOf(topicId)), fromOffset, toOffset });
  }
}

/** A name that puts the topic where its messages are: the name decides the kind. */
function unusedName(topicId: number, kind: number | undefined, kindOf: (topic: string) => number): string {
  const id = `unnamed-${topicId}`;
  const names = [id, `tenants.${id}.grouped.pulses`, `tenants.${id}.aggregated.pulses.amount`, `${id}.dead-letter`];
  return names.find((name) => kind === undefined || kindOf(name) === kind) ?? id;
}

async function listOrNone(fileSystem: FileSystem, path: string): Promise<string[]> {
  try {
    return await fileSystem.list(path);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}
