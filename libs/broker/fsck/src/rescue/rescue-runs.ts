// The runs of a new directory: sound ones are copied; damaged ones are made again of what is left of them, what the journal
// still has, and fillers; what was not sealed goes into runs of its own, one a segment and kind.
//
// Guarantees: no message changes its offset, and a topic's messages lie one after the other. Bounds: the pieces of one run, and
// what source-files.ts keeps.

import { NO_ROW, writeAll, type Run } from '@pulses/broker-segment-log';
import type { FileSystem } from '@pulses/shared-ports';
import { fillerPieces, type NewPiece } from './filler';
import type { Fill } from '../runs/mend-runs';
import type { PlacedPiece } from '../state/placement';
import { createFindingList, type OffsetRange } from '../report';
import { writeRun, type NewEntry } from './run-builder';
import { walkRun } from '../runs/run-reader';
import { SourceFiles } from './source-files';
import type { Survey, SurveyedRun } from '../survey';

const COPY_BYTES = 4 * 1024 * 1024;

export interface RescueOptions {
  readonly fileSystem: FileSystem;
  readonly survey: Survey;
  readonly logId: Uint8Array;
  /** Directory of the new runs. */
  readonly directory: string;
  /** The runs hold frames up to this one. */
  readonly lastLsn: number;
  readonly onBytes: (count: number) => void;
}

/** Messages that lie together, before they are put in order. */
interface Stretch extends OffsetRange {
  readonly pieces: readonly NewPiece[];
}

/** @returns the new runs, in order. @throws the port's error */
export async function rescueRuns(options: RescueOptions): Promise<Run[]> {
  const rescue = new Rescue(options);
  try {
    return await rescue.run();
  } finally {
    await rescue.close();
  }
}

class Rescue {
  readonly #options: RescueOptions;
  readonly #sources: SourceFiles;

  constructor(options: RescueOptions) {
    this.#options = options;
    this.#sources = new SourceFiles(options.fileSystem);
  }

  close(): Promise<void> {
    return this.#sources.close();
  }

  async run(): Promise<Run[]> {
    const { survey, onBytes } = this.#options;
    const runs: Run[] = [];
    for (const surveyed of survey.runs) {
      const isWhole = surveyed.finding === undefined && surveyed.fills.length === 0;
      const written = isWhole ? await this.#copied(surveyed) : await this.#made(surveyed);
      if (written === undefined) continue;
      runs.push(written);
      onBytes(written.bytes);
    }
    for (const written of await this.#unsealed()) {
      runs.push(written);
      onBytes(written.bytes);
    }
    return runs;
  }

  async #copied({ run, path }: SurveyedRun): Promise<Run> {
    const { fileSystem, directory } = this.#options;
    let bytes = 0;
    const from = await fileSystem.open(path, 'read');
    try {
      bytes = await from.size();
      const to = await fileSystem.open(`${directory}/${path.slice(path.lastIndexOf('/') + 1)}`, 'create');
      try {
        for (let at = 0; at < bytes; at += COPY_BYTES) {
          const length = Math.min(COPY_BYTES, bytes - at);
          await writeAll(to, [(await this.#sources.inOrder(path, at, length)).slice()], at);
        }
        await to.datasync();
      } finally {
        await to.close();
      }
    } finally {
      await from.close();
    }
    return { ...run, bytes };
  }

  async #made(surveyed: SurveyedRun): Promise<Run | undefined> {
    const { fileSystem, logId } = this.#options;
    const { run, path, fills, refused } = surveyed;
    const stretches = new Map<number, Stretch[]>();
    await walkRun({
      ...{ fileSystem, path, run, logId, list: createFindingList(), onBytes: () => undefined },
      visit: ({ topicId, parts }) => {
        const startOffset = this.#startOf(topicId);
        if (refused.has(topicId) || startOffset === undefined) return;
        for (const { baseOffset, count, position, length, timestampMs } of parts) {
          const range = { fromOffset: baseOffset, toOffset: baseOffset + count };
          if (range.toOffset <= startOffset) continue;
          const load = (): Promise<Uint8Array> => this.#sources.inOrder(path, position, length);
          add(stretches, topicId, { ...range, pieces: [{ count, length, timestampMs, load }] });
        }
      },
    });
    for (const fill of fills) this.#addFill(stretches, fill);
    return await this.#write(run, stretches);
  }

  #addFill(stretches: Map<number, Stretch[]>, { topicId, pieces, lost, timestampMs }: Fill): void {
    for (const { fromOffset, toOffset, length, timestampMs: time, path, position } of pieces) {
      const load = (): Promise<Uint8Array> => this.#sources.anywhere(path, position, length);
      const piece = { count: toOffset - fromOffset, length, timestampMs: time, load };
      add(stretches, topicId, { fromOffset, toOffset, pieces: [piece] });
    }
    for (const { fromOffset, toOffset } of lost) {
      add(stretches, topicId, { fromOffset, toOffset, pieces: fillerPieces(fromOffset, toOffset, timestampMs) });
    }
  }

  /** What no run has: a run a segment of the journal, up to `lastLsn`. */
  async #unsealed(): Promise<Run[]> {
    const { survey, lastLsn } = this.#options;
    const { sealedLsn } = survey.tolerant.state;
    const runs: Run[] = [];
    const homeless = new Map<number, Stretch[]>();
    for (const fill of survey.homeless) this.#addFill(homeless, fill);
    let firstLsn = sealedLsn + 1;
    let segment = '';
    let stretches = homeless;
    const end = async (untilLsn: number): Promise<void> => {
      if (untilLsn < firstLsn) return;
      runs.push(...(await this.#writeKinds({ firstLsn, lastLsn: untilLsn }, stretches)));
      firstLsn = untilLsn + 1;
      stretches = new Map();
    };
    for (const piece of survey.placement.pieces()) {
      if (piece.path !== '' && piece.path !== segment) {
        if (segment !== '') await end(piece.lsn - 1);
        segment = piece.path;
      }
      this.#addPlaced(stretches, piece);
    }
    await end(lastLsn);
    return runs;
  }

  #addPlaced(stretches: Map<number, Stretch[]>, piece: PlacedPiece): void {
    const { topicId, fromOffset, toOffset, timestampMs, length, path, position, finding } = piece;
    const startOffset = this.#startOf(topicId);
    if (startOffset === undefined || toOffset <= startOffset) return;
    const load = (): Promise<Uint8Array> => this.#sources.anywhere(path, position, length);
    const from = Math.max(fromOffset, startOffset);
    if (finding === undefined) {
      add(stretches, topicId, {
        fromOffset,
        toOffset,
        pieces: [{ count: toOffset - fromOffset, length, timestampMs, load }],
      });
    } else {
      add(stretches, topicId, { fromOffset: from, toOffset, pieces: fillerPieces(from, toOffset, timestampMs) });
    }
  }

  async #writeKinds(range: { firstLsn: number; lastLsn: number }, all: Map<number, Stretch[]>): Promise<Run[]> {
    const { topics } = this.#options.survey.tolerant.state;
    const kinds = new Map<number, Map<number, Stretch[]>>();
    for (const [topicId, stretches] of all) {
      const kind = topics.kindOf(topics.rowOf(topicId));
      kinds.set(kind, (kinds.get(kind) ?? new Map<number, Stretch[]>()).set(topicId, stretches));
    }
    const runs: Run[] = [];
    for (const [kind, stretches] of [...kinds].sort(([left], [right]) => left - right)) {
      const written = await this.#write({ ...range, kind }, stretches);
      if (written !== undefined) runs.push(written);
    }
    return runs;
  }

  async #write(key: Omit<Run, 'bytes'>, stretches: Map<number, Stretch[]>): Promise<Run | undefined> {
    const { fileSystem, directory, logId } = this.#options;
    const entries: NewEntry[] = [];
    for (const [topicId, own] of [...stretches].sort(([left], [right]) => left - right)) {
      own.sort((left, right) => left.fromOffset - right.fromOffset);
      entries.push({
        topicId,
        baseOffset: own[0]?.fromOffset ?? 0,
        pieces: inTime(own.flatMap(({ pieces }) => pieces)),
      });
    }
    if (entries.length === 0) return undefined;
    const { kind, firstLsn, lastLsn } = key;
    return await writeRun(fileSystem, directory, { kind, firstLsn, lastLsn, logId, entries });
  }

  /** Undefined when the topic is not there any more. */
  #startOf(topicId: number): number | undefined {
    const { topics } = this.#options.survey.tolerant.state;
    const row = topics.rowOf(topicId);
    return row === NO_ROW ? undefined : topics.startOffset(row);
  }
}

function add(stretches: Map<number, Stretch[]>, topicId: number, stretch: Stretch): void {
  const known = stretches.get(topicId);
  if (known === undefined) stretches.set(topicId, [stretch]);
  else known.push(stretch);
}

/** Fillers without a time get that of the next message; no reader may see time go back. */
function inTime(pieces: readonly NewPiece[]): NewPiece[] {
  const first = pieces.find(({ timestampMs }) => timestampMs > 0)?.timestampMs ?? 0;
  let timestampMs = 0;
  return pieces.map((piece) => {
    timestampMs = Math.max(timestampMs, piece.timestampMs === 0 ? first : piece.timestampMs);
    return { ...piece, timestampMs };
  });
}
