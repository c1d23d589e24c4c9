// Keeps the topics of a broker as readable files, beside its log and behind its work.
//
// Guarantees: at up to 1,000 pulses/s the files trail by a second at most. A failure is logged, once a minute while it stays
// the same, and tried again later; the log never waits for the files, and never ends by them. Little room on the disk is left
// to the log. A stop leaves files of everything, unless they were far behind. Bounds: what Exporter holds; PASS_BYTES_MAX written without a pause.

import type { BrokerLog } from '@pulses/broker-log-api';
import { delay, retryLog } from '@pulses/shared-async';
import type { Clock, DirectoryLock, FileSystem, Logger } from '@pulses/shared-ports';
import { Exporter } from './exporter';
import { logSource } from './export-source';

export interface ReadableFilesOptions {
  readonly log: Pick<BrokerLog, 'topics' | 'read'> & { readonly topicCount: number };
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly directory: string;
  /** With more topics than this, the files stay as they are. Infinity for any number. */
  readonly topicsMax: number;
  /** Room on the disk of the directory. @throws the system's error */
  readonly freeBytes: () => Promise<number>;
}

const PAUSE_MS_MIN = 400;
const PAUSE_MS_MAX = 5_000;
/** A pause is this many times the pass before it, within its limits: others come first. */
const PAUSE_FACTOR = 2;
const RETRY_MS = 10_000;
const PASS_BYTES_MAX = 16 * 1024 * 1024;
/** Time for what is missing at a stop. */
const LAST_PASS_MS = 1_000;
/** Room that is left to the log. */
const FREE_BYTES_MIN = 256 * 1024 * 1024;

export class ReadableFiles {
  readonly #options: ReadableFilesOptions;
  readonly #stop = new AbortController();
  readonly #tellFailure: (error: unknown, attempt: number, delayMs: number) => void;
  readonly #tellUnreadable: (error: unknown, attempt: number, delayMs: number) => void;
  #exporter: Exporter | undefined;
  #lock: DirectoryLock | undefined;
  #failures = 0;
  #isOverLimit = false;
  #running: Promise<void> = Promise.resolve();

  constructor(options: ReadableFilesOptions) {
    this.#options = options;
    const { logger, clock } = options;
    this.#tellFailure = retryLog(logger, clock, 'readable files are not written, trying again');
    this.#tellUnreadable = retryLog(logger, clock, 'a topic cannot be read for its readable files');
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Brings the files up to the log, in a second at most, and ends it. Call it before the log is closed. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    const { clock } = this.#options;
    const late = new AbortController();
    const timer = clock.setTimer(LAST_PASS_MS, () => {
      late.abort();
    });
    try {
      if (this.#failures === 0 && !this.#isOverLimit)
        await this.#exporter?.pass({ bytesMax: PASS_BYTES_MAX, signal: late.signal });
      await this.#exporter?.close();
    } catch (error) {
      this.#tellFailure(error, 1, 0);
    }
    timer.cancel();
    await this.#lock?.release();
    this.#lock = undefined;
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#stop.signal.aborted) {
      const startMs = clock.monotonicMs();
      const failure = await this.#pass();
      const tookMs = clock.monotonicMs() - startMs;
      const pauseMs = Math.min(Math.max(PAUSE_FACTOR * tookMs, PAUSE_MS_MIN), PAUSE_MS_MAX);
      await delay(failure || this.#isOverLimit ? RETRY_MS : pauseMs, clock, this.#stop.signal).catch(() => undefined);
    }
  }

  /** True when it failed. */
  async #pass(): Promise<boolean> {
    const { signal } = this.#stop;
    this.#checkLimit();
    if (this.#isOverLimit) return false;
    try {
      await this.#checkRoom();
      this.#exporter ??= await this.#open();
      await this.#exporter.pass({ bytesMax: PASS_BYTES_MAX, signal });
      this.#failures = 0;
      return false;
    } catch (error) {
      if (signal.aborted) return false;
      this.#failures += 1;
      this.#tellFailure(error, this.#failures, RETRY_MS);
      return true;
    }
  }

  async #open(): Promise<Exporter> {
    const { log, clock, fileSystem, directory } = this.#options;
    let unreadable = 0;
    await fileSystem.makeDirectory(directory);
    // No export from outside may write there.
    this.#lock ??= await fileSystem.lockDirectory(directory, true);
    return await Exporter.open({
      fileSystem,
      directory,
      source: logSource(log, clock),
      isMirror: true,
      onUnreadable: (_, error) => {
        unreadable += 1;
        this.#tellUnreadable(error, unreadable, PAUSE_MS_MIN);
      },
    });
  }

  async #checkRoom(): Promise<void> {
    const free = await this.#options.freeBytes();
    if (free < FREE_BYTES_MIN) throw new Error(`the disk has less than ${FREE_BYTES_MIN >> 20} MiB of room`);
  }

  #checkLimit(): void {
    const { log, logger, topicsMax, directory } = this.#options;
    const isOverLimit = log.topicCount > topicsMax;
    if (isOverLimit === this.#isOverLimit) return;
    this.#isOverLimit = isOverLimit;
    const fields = { directory, topicsMax };
    if (isOverLimit) {
      logger.warn(
        fields,
        'readable files stop: there are more topics; pulses export writes them, or --readable-files on',
      );
    } else logger.info(fields, 'readable files go on');
  }
}
