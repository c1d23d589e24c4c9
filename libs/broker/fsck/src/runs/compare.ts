// Holds a run to the frames that it was made of, as long as the journal has them: each may be valid, and hold other messages.
//
// Bounds: the segments of one run in memory, unless they are larger than usual: then nothing is compared.

import { readWhole, type Run } from '@pulses/broker-segment-log';
import type { FileSystem } from '@pulses/shared-ports';
import { heldPieces, type HeldPiece } from '../journal/held-pieces';
import type { WalkedFrame } from '../journal/journal-walk';
import type { RunPart } from './run-reader';

const SEGMENTS_BYTES_MAX = 256 * 1024 * 1024;

export class RunComparison {
  readonly #held: ReadonlyMap<number, readonly HeldPiece[]>;
  readonly #segments: ReadonlyMap<string, Uint8Array>;

  private constructor(held: ReadonlyMap<number, readonly HeldPiece[]>, segments: ReadonlyMap<string, Uint8Array>) {
    this.#held = held;
    this.#segments = segments;
  }

  /** Undefined when the journal has not all of it. @throws the port's error */
  static async of(
    fileSystem: FileSystem,
    frames: readonly WalkedFrame[],
    run: Run,
  ): Promise<RunComparison | undefined> {
    const held = heldPieces(frames, run);
    if (held === undefined) return undefined;
    const segments = new Map<string, Uint8Array>();
    let bytes = 0;
    for (const pieces of held.values()) {
      for (const { path } of pieces) {
        if (segments.has(path)) continue;
        const segment = (await readWhole(fileSystem, path)) ?? new Uint8Array(0);
        segments.set(path, segment);
        bytes += segment.length;
        if (bytes > SEGMENTS_BYTES_MAX) return undefined;
      }
    }
    return new RunComparison(held, segments);
  }

  /**
   * LSN of the frame that holds other messages than a piece of the run; 0 when there is none that it can come from.
   * @param fromEnd how many pieces of the topic follow in the run, with this one: those in front may be trimmed
   */
  frameOtherThan(topicId: number, fromEnd: number, part: RunPart, bytes: Uint8Array): number | undefined {
    const own = this.#held.get(topicId)?.at(-fromEnd);
    if (own === undefined) return 0;
    // Its bytes are lost in the journal.
    if (own.length === 0) return undefined;
    const { count, timestampMs, length } = part;
    if (own.count !== count || own.timestampMs !== timestampMs || own.length !== length) return own.lsn;
    const segment = this.#segments.get(own.path) ?? new Uint8Array(0);
    const stored = segment.subarray(own.position, own.position + length);
    return Buffer.compare(stored, bytes) === 0 ? undefined : own.lsn;
  }
}
