// Writes checkpoints, and removes the journal segments that no start needs any more.
//
// A start needs the frames after the `sealedLsn` of its checkpoint. The newest checkpoint can turn out damaged, so a
// segment goes once both generations know its runs.
//
// Guarantees: a checkpoint holds durable frames alone; segments go oldest first. A generation of before that a start found
// damaged, or did not read, takes no valid one's place.

import { freeMemory } from '@pulses/broker-wire';
import { failpoint } from '@pulses/shared-failpoints';
import type { FileSystem } from '@pulses/shared-ports';
import type { CommitQueue } from '../commit/commit-queue';
import type { LogState } from '../commit/log-state';
import type { Directories } from '../disk/data-directory';
import { isMissing } from '../disk/disk-errors';
import type { Journal } from '../journal/journal';
import type { SpareSegments } from '../journal/spare-segments';
import type { SegmentReader } from '../readers/segment-reader';
import { encodeCheckpoint } from './checkpoint-codec';
import { storeCheckpoint } from './checkpoint-store';

export interface CheckpointerOptions {
  readonly fileSystem: FileSystem;
  readonly directories: Directories;
  readonly state: LogState;
  readonly journal: Journal;
  readonly queue: CommitQueue;
  readonly segments: SegmentReader;
  /** Takes segments that are retired; undefined when they go. */
  readonly spares: SpareSegments | undefined;
  /** First LSNs of the segments that are there, oldest first. */
  readonly segmentLsns: readonly number[];
  readonly checkpoint: { readonly lsn: number; readonly sealedLsn: number } | undefined;
}

export class Checkpointer {
  readonly #options: CheckpointerOptions;
  /** By LSN of a checkpoint: its `sealedLsn`. */
  readonly #sealedLsns = new Map<number, number>();
  readonly #segmentLsns: number[];

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#segmentLsns = [...options.segmentLsns];
    if (options.checkpoint !== undefined) this.#sealedLsns.set(options.checkpoint.lsn, options.checkpoint.sealedLsn);
  }

  /** A segment was begun. */
  begun(firstLsn: number): void {
    this.#segmentLsns.push(firstLsn);
  }

  /** Writes a checkpoint of now, and retires segments. @throws PulsesError STORAGE_FAILED; the port's error */
  async write(): Promise<void> {
    const { fileSystem, directories, state, journal, queue } = this.#options;
    const { lsn, sealedLsn, bytes } = await queue.between(async () => {
      await journal.sync();
      failpoint('checkpoint.after-sync');
      const checkpoint = { identity: journal.identity, state, frameCrc: journal.crc };
      return { lsn: state.lsn, sealedLsn: state.sealedLsn, bytes: encodeCheckpoint(checkpoint) };
    });
    const isValid = (known: number): boolean => this.#sealedLsns.has(known);
    const kept = await storeCheckpoint(fileSystem, directories.checkpoints, lsn, bytes, isValid);
    freeMemory(bytes.buffer);
    failpoint('checkpoint.after-store');
    this.#sealedLsns.set(lsn, sealedLsn);
    for (const known of this.#sealedLsns.keys()) if (!kept.includes(known)) this.#sealedLsns.delete(known);
    if (kept.length > 1) await this.#retire(Math.min(...this.#sealedLsns.values()));
  }

  async #retire(sealedLsn: number): Promise<void> {
    const { segments } = this.#options;
    for (;;) {
      const [firstLsn, next] = this.#segmentLsns;
      if (firstLsn === undefined || next === undefined || next - 1 > sealedLsn) return;
      segments.forget(firstLsn);
      try {
        await this.#giveUp(segments.pathOf(firstLsn));
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
      failpoint('checkpoint.after-retire');
      this.#segmentLsns.shift();
    }
  }

  #giveUp(path: string): Promise<void> {
    const { fileSystem, spares } = this.#options;
    return spares === undefined ? fileSystem.remove(path) : spares.retire(path);
  }
}
