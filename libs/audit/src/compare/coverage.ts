// What an audit was asked to compare and could not.
//
// Two things keep an output from being compared: retention has removed the source or the output, or the ingestor has not
// committed it yet. Windows that the asked range cuts were not asked for.

import type { OffsetRange } from '../expected/expected-lines';

export interface UncheckedRange extends OffsetRange {
  /** Which outputs of these source offsets: all, the sums, or one topic. */
  readonly outputs: 'all' | 'sums' | { readonly topic: string };
  /** `trimmed`: retention has removed it. `uncommitted`: the ingestor has not stored it yet. */
  readonly reason: 'trimmed' | 'uncommitted';
}

/** What was asked for, against what there is. */
export interface AskedRange {
  /** First source offset asked for. */
  readonly from: number;
  /** Source offset behind the last; Infinity for all that is stored. */
  readonly to: number;
  /** First source offset that is kept. */
  readonly keptFrom: number;
  /** Source offsets below it are committed. */
  readonly grouped: number;
  /** Source offsets below it belong to windows whose sums are committed. */
  readonly windowed: number;
}

/** The parts of the asked range that the source or the positions leave out. */
export function uncheckedOf({ from, to, keptFrom, grouped, windowed }: AskedRange): UncheckedRange[] {
  const ranges: UncheckedRange[] = [
    { outputs: 'all', fromOffset: from, toOffset: Math.min(keptFrom, to), reason: 'trimmed' },
    // Without an end, all that is stored was asked for; a start beyond it was asked for all the same.
    {
      outputs: 'all',
      fromOffset: Math.max(from, grouped, keptFrom),
      toOffset: endOf(from, to, grouped),
      reason: 'uncommitted',
    },
    {
      outputs: 'sums',
      fromOffset: Math.max(from, windowed, keptFrom),
      toOffset: to === Infinity ? 0 : Math.min(to, grouped),
      reason: 'uncommitted',
    },
  ];
  return ranges.filter(({ fromOffset, toOffset }) => fromOffset < toOffset);
}

function endOf(from: number, to: number, grouped: number): number {
  return to === Infinity && from <= grouped ? 0 : to;
}
