// Merges what a session reads with what it emits and what has waited long enough, one step at a time.
//
// Guarantees: the next step is made only when the caller asks for it. So everything that the caller does with a step
// happens between two events. While both sides have steps, neither starves. An emission step is due once in a turn of
// the event loop, and after `EVENTS_IN_A_ROW_MAX` events it goes first. No event is lost or reordered.

import type { SourceEvent, SourceStream } from '@pulses/connector-api';

/** The older window may emit some of its sums. */
export interface EmissionStep {
  readonly kind: 'emission';
}

/** What was gathered has waited for more. */
export interface FlushStep {
  readonly kind: 'flush';
}

export type Step = SourceEvent | EmissionStep | FlushStep;

/** The side that emits. */
export interface Emission {
  /** True while steps are left. */
  readonly isPending: boolean;
  /** Resolves when the next step has room for what it sends; undefined when it sends nothing. A rejection ends the merge. */
  untilRoom(): Promise<void> | undefined;
}

/** The side that gathers. */
export interface Gathering {
  /** Resolves when the step is due; undefined when nothing was gathered. A rejection ends the merge. */
  untilDue(): Promise<void> | undefined;
}

export const EVENTS_IN_A_ROW_MAX = 64;

const EMISSION_STEP: EmissionStep = { kind: 'emission' };
const FLUSH_STEP: FlushStep = { kind: 'flush' };

/** An emission step that waits for room, or has it. */
interface AwaitedEmission {
  isReady: boolean;
  readonly step: Promise<EmissionStep>;
}

/** Ends when the signal aborts, at the latest with the next step. Rejects with what any side rejects with. */
export class FairMerge implements AsyncIterable<Step> {
  readonly #source: Pick<SourceStream, 'next'>;
  readonly #emission: Emission;
  readonly #gathering: Gathering;
  readonly #signal: AbortSignal;
  /** Asked for and not yet taken. */
  #event: Promise<SourceEvent> | undefined;
  #awaited: AwaitedEmission | undefined;
  /** Events taken since an emission step became pending, or since the last one. */
  #eventsInARow = 0;

  constructor(source: Pick<SourceStream, 'next'>, emission: Emission, gathering: Gathering, signal: AbortSignal) {
    this.#source = source;
    this.#emission = emission;
    this.#gathering = gathering;
    this.#signal = signal;
  }

  [Symbol.asyncIterator](): AsyncIterator<Step, undefined> {
    return this;
  }

  async next(): Promise<IteratorResult<Step, undefined>> {
    if (this.#signal.aborted) return { done: true, value: undefined };
    this.#awaited = this.#emission.isPending ? (this.#awaited ?? this.#awaitEmission()) : undefined;
    const value = await this.#firstStep(this.#awaited);
    if (value.kind === 'emission') {
      this.#awaited = undefined;
      this.#eventsInARow = 0;
    } else if (value.kind !== 'flush') {
      this.#event = undefined;
      this.#eventsInARow = this.#awaited === undefined ? 0 : this.#eventsInARow + 1;
    }
    return { done: false, value };
  }

  #firstStep(awaited: AwaitedEmission | undefined): Promise<Step> {
    // A source that always has an event at hand would not let the event loop turn, so no emission would become ready.
    if (awaited !== undefined && (awaited.isReady || this.#eventsInARow >= EVENTS_IN_A_ROW_MAX)) return awaited.step;
    this.#event ??= this.#source.next();
    const due = this.#gathering.untilDue()?.then(() => FLUSH_STEP);
    const steps = [awaited?.step, due, this.#event].filter((step) => step !== undefined);
    return steps.length === 1 ? this.#event : Promise.race(steps);
  }

  #awaitEmission(): AwaitedEmission {
    const ready = async (): Promise<EmissionStep> => {
      await this.#emission.untilRoom();
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      awaited.isReady = true;
      return EMISSION_STEP;
    };
    const awaited: AwaitedEmission = { isReady: false, step: ready() };
    return awaited;
  }
}
