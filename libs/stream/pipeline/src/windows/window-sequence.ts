// The windows of a session: the open one, and the one before it until the engine has forgotten it.
//
// Guarantees: windows are sealed, emitted and dropped in the order of their starts. A window is sealed once everything
// read into it was handed to the engine and the commit flow. Bounds: two windows.

import { windowStartOf, type EngineState } from '@pulses/aggregation-api';
import { PulsesError } from '@pulses/shared-errors';
import type { Emission } from '../fair-merge';
import type { KeySpace } from './key-space';
import { OpenWindow } from './open-window';
import type { StoredPositions } from '../stored-positions';
import { WindowLifecycle, type WindowSession } from './window-lifecycle';

export interface WindowSequenceOptions {
  readonly session: WindowSession;
  readonly stored: StoredPositions;
  readonly windowMs: number;
  readonly keySpace: KeySpace;
  /** Hands everything that was read into the open window on, before it is sealed. */
  flush(): Promise<void>;
  opened(window: OpenWindow): void;
  /** The position `windowed` is before the window just opened, and no sums are left that would move it. */
  movedTo(offset: number): void;
  closed(): void;
}

/** Calls never overlap. */
export class WindowSequence implements Emission {
  readonly #options: WindowSequenceOptions;
  #open: WindowLifecycle | undefined;
  #previous: WindowLifecycle | undefined;
  /** Where `windowed` is once every window before the open one is stored. */
  #windowedOffset: number;
  #isFirst = true;

  constructor(options: WindowSequenceOptions) {
    this.#options = options;
    this.#windowedOffset = options.stored.windowedOffset;
  }

  get open(): OpenWindow | undefined {
    return this.#open?.window;
  }

  get isPending(): boolean {
    return this.#previous?.isEmitting === true;
  }

  untilRoom(): Promise<void> | undefined {
    return this.#previous?.untilRoom();
  }

  /** Opens the window that an engine has kept; what was read of it is not read again. */
  resume({ windowStartMs, keys }: EngineState, nextOffset: number): OpenWindow {
    const window = this.#create(windowStartMs, this.#options.stored.windowedOffset);
    window.takeKeys(keys);
    window.nextOffset = nextOffset;
    this.#open = new WindowLifecycle(window, this.#options.session);
    return window;
  }

  /**
   * Answers the window of the message at `offset`: the open one, or, once the log has passed its end, a new one that starts
   * there. @throws PulsesError PROTOCOL_VIOLATION when the log's time runs backwards
   */
  async enter(timestampMs: number, offset: number): Promise<OpenWindow> {
    if (this.#isOver(timestampMs)) await this.close();
    const window = this.open ?? (await this.#start(timestampMs, offset));
    const { startMs, endMs } = window;
    if (timestampMs < startMs || timestampMs >= endMs)
      throw new PulsesError(
        'PROTOCOL_VIOLATION',
        `log time ${timestampMs} is not in the window from ${startMs} to ${endMs}`,
      );
    return window;
  }

  /** Closes the open window if it ends at `clockMs` or earlier; answers whether it does. */
  async closeIfOver(clockMs: number): Promise<boolean> {
    const isOver = this.#isOver(clockMs);
    if (isOver) await this.close();
    return isOver;
  }

  /** Seals the open window and starts to emit it. What is left of the window before goes first. */
  async close(): Promise<void> {
    const window = this.#open;
    if (window === undefined) return;
    await this.#finishPrevious();
    await this.#options.flush();
    this.#previous = window;
    this.#windowedOffset = window.window.nextOffset;
    this.#open = undefined;
    this.#options.closed();
    // The engine seals it before it hears of the next one.
    await window.seal();
    await window.emit();
  }

  /** Emits some sums of the window before, if it has any left. */
  async emit(): Promise<void> {
    if (this.#previous?.isEmitting === true) await this.#previous.emit();
  }

  /** Makes the engine forget the window before, if all its sums are stored. */
  async dropStored(): Promise<void> {
    if (this.#previous?.state.kind !== 'stored') return;
    await this.#previous.drop();
    this.#previous = undefined;
  }

  /** Waits until no commit is under way, then makes the engine forget what it may. @throws the flow's failure */
  async settle(): Promise<void> {
    await this.#options.session.flow.drain();
    await this.dropStored();
  }

  #isOver(timeMs: number): boolean {
    return this.#open !== undefined && timeMs >= this.#open.window.endMs;
  }

  async #start(timestampMs: number, fromOffset: number): Promise<OpenWindow> {
    const window = this.#create(timestampMs, fromOffset);
    // After a restart with another length the window may start where the one before started.
    if (window.startMs === this.#previous?.window.startMs) await this.#finishPrevious();
    this.#open = new WindowLifecycle(window, this.#options.session);
    this.#options.opened(window);
    if (fromOffset !== this.#windowedOffset) {
      if (this.#previous?.isEmitting === true) this.#previous.window.followedBy = fromOffset;
      else this.#options.movedTo(fromOffset);
    }
    return window;
  }

  #create(timestampMs: number, fromOffset: number): OpenWindow {
    const { stored, keySpace } = this.#options;
    // A window of which an earlier session has emitted a part keeps the length it had then.
    const resumed = this.#isFirst ? stored.progress : undefined;
    this.#isFirst = false;
    if (resumed !== undefined && fromOffset !== stored.windowedOffset)
      throw new PulsesError(
        'PROTOCOL_VIOLATION',
        `the source begins at offset ${fromOffset}: it has lost messages from ${stored.windowedOffset} on, whose sums are stored in part`,
      );
    const windowMs = resumed?.windowMs ?? this.#options.windowMs;
    return new OpenWindow({
      startMs: resumed?.windowStartMs ?? windowStartOf(timestampMs, windowMs),
      windowMs,
      fromOffset,
      emittedKeys: resumed?.emittedKeys ?? 0,
      order: resumed?.order ?? 'tenant',
      keys: keySpace.startWindow(),
    });
  }

  /** Waits until the window before is emitted, stored and forgotten. */
  async #finishPrevious(): Promise<void> {
    if (this.#previous === undefined) return;
    while (this.isPending) await this.emit();
    await this.settle();
  }
}
