// Lines to an output that may be full, failing or gone.
//
// Guarantees: `write` neither throws nor waits. A line that can't be written is dropped and counted, and the next one is
// tried again. A line that was written in part is completed first, so that no line is torn. Bounds: PENDING_BYTES_MAX
// wait for a reader that is slow.

/** Takes some of the bytes and returns their number. @throws an error with the system's code, EAGAIN when it is full */
export type WriteSome = (bytes: Uint8Array) => number;

export interface LineOutputOptions {
  readonly writeSome: WriteSome;
  /** Calls back later, without keeping the process alive. */
  readonly later: (callback: () => void) => void;
  /** Blocks the thread for a moment. */
  readonly pause: () => void;
}

const PENDING_BYTES_MAX = 64 * 1024;
/** How often the last lines of a process are tried. */
const FLUSH_TRIES_MAX = 20;
const LINE_FEED = 10;
const NOTHING = new Uint8Array(0);

export class LineOutput {
  readonly #options: LineOutputOptions;
  #pending: Uint8Array = NOTHING;
  #linesDropped = 0;
  #isRetrying = false;

  constructor(options: LineOutputOptions) {
    this.#options = options;
  }

  get linesDropped(): number {
    return this.#linesDropped;
  }

  /** Writes whole lines; false when they are dropped. */
  write(text: string): boolean {
    const bytes = Buffer.from(text);
    const failure = this.#writePending();
    const { written, code } = failure === undefined ? this.#writeBytes(bytes) : { written: 0, code: failure };
    const rest = bytes.subarray(written);
    if (rest.byteLength > 0) {
      const mayWait = code === 'EAGAIN' && this.#pending.byteLength + rest.byteLength <= PENDING_BYTES_MAX;
      if (written === 0 && !mayWait) {
        this.countDropped(bytes);
        return false;
      }
      this.#pending = Buffer.concat([this.#pending, rest]);
    }
    this.#retryLater();
    return true;
  }

  /** Counts lines that were taken and could not be written after all. */
  countDropped(bytes: Uint8Array): void {
    this.#linesDropped += lineEndsIn(bytes);
  }

  /** Gives a slow reader a last moment. */
  flush(): void {
    for (let tries = 0; tries < FLUSH_TRIES_MAX && this.#writePending() === 'EAGAIN'; tries += 1) this.#options.pause();
  }

  /** Returns the code of the failure. */
  #writePending(): string | undefined {
    const { written, code } = this.#writeBytes(this.#pending);
    this.#pending = this.#pending.subarray(written);
    return code;
  }

  #writeBytes(bytes: Uint8Array): { written: number; code: string | undefined } {
    let written = 0;
    try {
      while (written < bytes.byteLength) {
        const count = this.#options.writeSome(bytes.subarray(written));
        if (count === 0) return { written, code: 'EAGAIN' };
        written += count;
      }
      return { written, code: undefined };
    } catch (error) {
      return { written, code: (error as NodeJS.ErrnoException).code ?? 'unknown' };
    }
  }

  #retryLater(): void {
    if (this.#isRetrying || this.#pending.byteLength === 0) return;
    this.#isRetrying = true;
    this.#options.later(() => {
      this.#isRetrying = false;
      this.#writePending();
      this.#retryLater();
    });
  }
}

function lineEndsIn(bytes: Uint8Array): number {
  return bytes.reduce((count, byte) => (byte === LINE_FEED ? count + 1 : count), 0);
}
