// Work of a session between two of its steps, also while the source is silent.
//
// Guarantees: the work never overlaps with a step or with itself. A failure is kept, and ends the session.

export class IdleWork {
  readonly #work: () => Promise<void>;
  #running: Promise<void> | undefined;
  #isIdle = false;
  #isWanted = false;
  #failure: { readonly error: unknown } | undefined;
  /** Called once, when the work has failed. */
  failed: () => void = () => undefined;

  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  /** What the work has failed with; undefined when it has not. */
  get failure(): unknown {
    return this.#failure?.error;
  }

  /** There is work. It is done at once while the session waits for a step, else when it waits again. */
  wake(): void {
    this.#isWanted = true;
    if (this.#isIdle && this.#failure === undefined) this.#running ??= this.#run();
  }

  /** The session waits for a step from now on. */
  begin(): void {
    this.#isIdle = true;
    if (this.#isWanted) this.wake();
  }

  /** A step has come. Resolves when no work runs any more; undefined when none runs. */
  pause(): Promise<void> | undefined {
    this.#isIdle = false;
    return this.#running;
  }

  /** The session ends: work that is wanted stays undone. */
  async end(): Promise<void> {
    this.#isWanted = false;
    await this.pause();
  }

  async #run(): Promise<void> {
    try {
      while (this.#isWanted) {
        this.#isWanted = false;
        await this.#work();
      }
    } catch (error) {
      this.#failure = { error };
      this.failed();
    } finally {
      this.#running = undefined;
    }
  }
}
