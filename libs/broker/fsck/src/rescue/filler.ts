// What stands in for lost messages, so that those behind them keep their offsets.

const FILLERS_A_PIECE = 10_000;
/** Beyond it, fillers are as short as a message can be. */
const LONG_FILLERS_MAX = 4_000_000;

/**
 * Stands in for a lost message. No pulse, so an ingestor that reads it puts it among the dead letters, where it counts
 * and is seen; and no line that an ingestor writes, so `pulses totals` and `pulses audit` name it in an output topic.
 */
export function fillerOf(offset: number): string {
  return `{"lost_message":{"offset":${offset}}}\n`;
}

/** Messages of one topic and time as they will lie in a run; `load` gives their bytes. */
export interface NewPiece {
  readonly count: number;
  readonly length: number;
  readonly timestampMs: number;
  load(): Promise<Uint8Array> | Uint8Array;
}

export function fillerPieces(fromOffset: number, toOffset: number, timestampMs: number): NewPiece[] {
  const pieces: NewPiece[] = [];
  const line = toOffset - fromOffset > LONG_FILLERS_MAX ? () => '?\n' : fillerOf;
  for (let from = fromOffset; from < toOffset; from += FILLERS_A_PIECE) {
    const count = Math.min(FILLERS_A_PIECE, toOffset - from);
    const load = (): Uint8Array => Buffer.from(Array.from({ length: count }, (_, at) => line(from + at)).join(''));
    pieces.push({ count, length: load().length, timestampMs, load });
  }
  return pieces;
}
