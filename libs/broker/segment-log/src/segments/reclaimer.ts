// Gives the space of messages that are gone back to the file system: runs that no topic needs go, and those that few need
// are written again.
//
// Guarantees: that messages go, and with them a run, is durable in the journal before a file is touched. A run that is
// written again takes the place of the old one in one step, and holds all that is needed. So once a pass is through, a run
// is at most twice as long as what is needed of it. Bounds: a look writes one run, or looks at as many as `PASS_BYTES_MAX`
// of directories and messages make, and ends after that.

import { failpoint } from '@pulses/shared-failpoints';
import type { FileSystem } from '@pulses/shared-ports';
import type { LogState, Run } from '../commit/log-state';
import type { Directories } from '../disk/data-directory';
import { isMissing } from '../disk/disk-errors';
import type { RunKey } from '../journal/entries';
import type { RunReader } from '../readers/run-reader';
import { NO_ROW } from '../topics/topic-table';
import { bytesOfEntry, ENTRY_BYTES, placesOf, type RunEntry } from './run-format';
import { rewriteRun } from './run-rewriter';

const PASS_BYTES_MAX = 64 * 1024 * 1024;

export interface ReclaimerOptions {
  readonly fileSystem: FileSystem;
  readonly directories: Directories;
  readonly state: LogState;
  readonly runs: RunReader;
  readonly isStopped: () => boolean;
  /** @throws PulsesError */
  storeDrop(runs: readonly RunKey[]): Promise<void>;
  /** Makes all that is stored durable, also where commits do not wait for that. @throws PulsesError */
  sync(): Promise<void>;
  /** Told of a run that cannot be read, which stays as it is. @throws what is no damage */
  onUnreadable(error: unknown): void;
}

export class Reclaimer {
  readonly #options: ReclaimerOptions;
  /** What was seen to keep a run. */
  readonly #keepers = new WeakMap<Run, RunEntry>();
  /** Messages have gone since the last look. */
  #isDue = true;
  /** Runs that the pass under way has not looked at. */
  #pass: Run[] = [];
  #isPassDue = false;

  constructor(options: ReclaimerOptions) {
    this.#options = options;
  }

  /** Topics were deleted, or messages trimmed. */
  removed(): void {
    this.#isDue = true;
  }

  /** @throws PulsesError; the port's error */
  async look(): Promise<void> {
    try {
      await this.#lookOnce();
    } catch (error) {
      // What found no room is looked at again.
      this.#isDue = true;
      throw error;
    }
  }

  async #lookOnce(): Promise<void> {
    if (this.#isDue) {
      this.#isDue = false;
      this.#isPassDue = true;
      await this.#drop();
    }
    if (this.#pass.length === 0 && this.#isPassDue) {
      this.#isPassDue = false;
      this.#pass = [...this.#options.state.runs];
    }
    let bytes = 0;
    while (bytes < PASS_BYTES_MAX && !this.#options.isStopped()) {
      const run = this.#pass.shift();
      if (run === undefined) return;
      if (!this.#options.state.runs.includes(run)) continue;
      try {
        bytes += await this.#shrink(run);
      } catch (error) {
        this.#options.onUnreadable(error);
      }
    }
  }

  async #drop(): Promise<void> {
    const { state, runs, fileSystem, isStopped, onUnreadable } = this.#options;
    const needless: Run[] = [];
    for (const run of [...state.runs]) {
      if (isStopped()) return;
      const known = this.#keepers.get(run);
      if (known !== undefined && this.#isNeeded(known)) continue;
      this.#keepers.delete(run);
      try {
        await runs.eachEntry(run, (entry) => {
          if (!this.#isNeeded(entry)) return true;
          this.#keepers.set(run, entry);
          return false;
        });
        if (!this.#keepers.has(run)) needless.push(run);
      } catch (error) {
        onUnreadable(error);
      }
    }
    if (needless.length === 0) return;
    await this.#options.storeDrop(needless);
    await this.#options.sync();
    failpoint('retention.after-drop');
    for (const run of needless) {
      runs.forget(run);
      try {
        await fileSystem.remove(runs.pathOf(run));
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    }
  }

  /** Writes the run again when less than half of it is needed. Returns about how many bytes that took. */
  async #shrink(run: Run): Promise<number> {
    const { runs } = this.#options;
    const header = await runs.headerOf(run);
    const { length } = placesOf(header);
    const directoryBytes = header.topics * ENTRY_BYTES;
    const needed: RunEntry[] = [];
    let bytes = 0;
    await runs.eachEntry(run, (entry) => {
      if (!this.#isNeeded(entry)) return true;
      needed.push(entry);
      bytes += bytesOfEntry(entry);
      return bytes * 2 < length;
    });
    if (needed.length === 0) this.#isDue = true;
    if (needed.length === 0 || bytes * 2 >= length) return directoryBytes;
    await this.#options.sync();
    await rewriteRun(this.#options, run, needed);
    runs.forget(run);
    return directoryBytes + bytes;
  }

  #isNeeded({ topicId, baseOffset, count }: RunEntry): boolean {
    const { topics } = this.#options.state;
    const row = topics.rowOf(topicId);
    return row !== NO_ROW && topics.startOffset(row) < baseOffset + count;
  }
}
