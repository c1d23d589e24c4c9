// Puts an answer of `scan` together.

import type { RecordBatch, ScanPlace } from '@pulses/broker-wire';
import type { ScannedRows } from './broker-log';

export class RowGathering {
  /** Bytes of payload so far. */
  bytes = 0;
  readonly #topicIds: number[] = [];
  readonly #baseOffsets: number[] = [];
  readonly #counts: number[] = [];
  readonly #lengths: number[] = [];
  readonly #parts: Uint8Array[] = [];

  /** Adds messages of a topic; those that continue the last row become a part of it. */
  add(topicId: number, { baseOffset, recordCount, payload }: Omit<RecordBatch, 'timestampMs' | 'payloadCrc'>): void {
    const last = this.#topicIds.length - 1;
    const continues = this.#topicIds[last] === topicId && this.#baseOffsets[last]! + this.#counts[last]! === baseOffset; // the last row
    if (continues) {
      this.#counts[last]! += recordCount; // the last row
      this.#lengths[last]! += payload.length; // the last row
    } else {
      this.#topicIds.push(topicId);
      this.#baseOffsets.push(baseOffset);
      this.#counts.push(recordCount);
      this.#lengths.push(payload.length);
    }
    this.bytes += payload.length;
    this.#addPart(payload);
  }

  /** @param next where the scan continues */
  end(next: ScanPlace, more: boolean): ScannedRows {
    const [only = new Uint8Array(0), ...others] = this.#parts;
    return {
      topicIds: Uint32Array.from(this.#topicIds),
      baseOffsets: this.#baseOffsets,
      counts: Uint32Array.from(this.#counts),
      lengths: Uint32Array.from(this.#lengths),
      payload: others.length === 0 && !isLittle(only) ? only : this.#copied(),
      next,
      more,
    };
  }

  /** In memory of their own: a part of the pool would keep all of it. */
  #copied(): Buffer {
    const bytes = Buffer.allocUnsafeSlow(this.bytes);
    let at = 0;
    for (const part of this.#parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  /** Parts that lie side by side are one, which needs no copy. */
  #addPart(payload: Uint8Array): void {
    const { buffer, byteOffset, length } = payload;
    const last = this.#parts.at(-1);
    if (last?.buffer === buffer && last.byteOffset + last.length === byteOffset)
      this.#parts[this.#parts.length - 1] = new Uint8Array(buffer, last.byteOffset, last.length + length);
    else this.#parts.push(payload);
  }
}

/** Whether the bytes would keep much more in memory than they are: a slow reader may keep them for long. */
function isLittle({ length, buffer }: Uint8Array): boolean {
  return 2 * length < buffer.byteLength;
}
