// What a check of a data directory says, and the ranges of offsets that it counts with.

/** Messages `[fromOffset, toOffset)` of a topic. */
export interface OffsetRange {
  readonly fromOffset: number;
  readonly toOffset: number;
}

export interface LostMessages extends OffsetRange {
  readonly topic: string;
}

export interface Finding {
  /** `damage`: stored bytes are not the ones that were written. `note`: worth knowing; a start puts it right by itself. */
  readonly severity: 'damage' | 'note';
  readonly file: string;
  /** Where the damaged unit starts that the check can tell apart: a frame, block of entries, list of pieces, piece or whole small file. */
  readonly byteOffset: number;
  readonly what: string;
  /** Messages that are nowhere else in the directory either. */
  lost: LostMessages[];
}

/** Beyond it, findings are counted only: a check of any directory fits in memory. */
const FINDINGS_KEPT = 10_000;

export interface FindingList {
  readonly findings: Finding[];
  /** By severity, those left out included. */
  readonly counts: { damage: number; note: number };
  add(severity: Finding['severity'], file: string, byteOffset: number, what: string): Finding;
}

export function createFindingList(): FindingList {
  const findings: Finding[] = [];
  const counts = { damage: 0, note: 0 };
  return {
    findings,
    counts,
    add: (severity, file, byteOffset, what) => {
      const finding: Finding = { severity, file, byteOffset, what, lost: [] };
      counts[severity] += 1;
      if (findings.length < FINDINGS_KEPT) findings.push(finding);
      return finding;
    },
  };
}

/** The parts of `wanted` that no range of `have` covers; `have` is in ascending order. */
export function missingOf(wanted: OffsetRange, have: readonly OffsetRange[]): OffsetRange[] {
  const missing: OffsetRange[] = [];
  let from = wanted.fromOffset;
  for (let index = firstBeyond(have, from); index < have.length && from < wanted.toOffset; index += 1) {
    const range = have[index]!; // below the length
    if (range.fromOffset > from) {
      missing.push({ fromOffset: from, toOffset: Math.min(range.fromOffset, wanted.toOffset) });
    }
    from = Math.max(from, range.toOffset);
  }
  if (from < wanted.toOffset) missing.push({ fromOffset: from, toOffset: wanted.toOffset });
  return missing;
}

/** Index of the first range that ends behind the offset. */
function firstBeyond(ranges: readonly OffsetRange[], offset: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]!.toOffset <= offset)
      low = middle + 1; // middle < high <= length
    else high = middle;
  }
  return low;
}

export function messagesOf(ranges: readonly OffsetRange[]): number {
  return ranges.reduce((sum, { fromOffset, toOffset }) => sum + toOffset - fromOffset, 0);
}
