// One window from its first message to the end of its sums.
//
//   open       messages are read into it
//   sealed     the log has passed its end; the engine takes no more adds
//   emitting   some of its sums are on their way
//   sent       the last commit of its sums was handed to the commit flow
//   stored     that commit is stored, and so are all before it
//   dropped    the engine has forgotten it
//
// Guarantees: a window takes no other way than `WINDOW_TRANSITIONS` says; any other throws a TypeError and changes nothing.
// So the engine forgets no sums that are not stored: one that survives a crash has them until then.

import type { AggregationEngine } from '@pulses/aggregation-api';
import type { SourceIdentity } from '@pulses/connector-api';
import { failpoint } from '@pulses/shared-failpoints';
import type { CommitFlow } from '../commits/commit-flow';
import type { OpenWindow } from './open-window';
import { emitWindow, sealWindow, type EmissionLimits, type WindowEmission } from './window-emitter';

export type WindowState =
  | { readonly kind: 'open' }
  | { readonly kind: 'sealed' }
  | {
      readonly kind: 'emitting';
      readonly emission: WindowEmission;
      /** True when the next step begins with a commit. */
      readonly sendsNext: boolean;
    }
  | { readonly kind: 'sent' }
  | { readonly kind: 'stored' }
  | { readonly kind: 'dropped' };

/** By state: the states that may follow. A window of few keys, or of dead letters alone, is sent in its first step. */
export const WINDOW_TRANSITIONS: Readonly<Record<WindowState['kind'], readonly WindowState['kind'][]>> = {
  open: ['sealed'],
  sealed: ['emitting', 'sent'],
  emitting: ['emitting', 'sent'],
  sent: ['stored'],
  stored: ['dropped'],
  dropped: [],
};

/** What a window needs of its session. */
export interface WindowSession {
  readonly engine: AggregationEngine;
  readonly source: SourceIdentity;
  readonly limits: EmissionLimits;
  readonly flow: CommitFlow;
  /** Some sums are stored. */
  aggregated(count: number): void;
  /** All sums of a window are stored. */
  stored(): void;
}

/** Calls never overlap. */
export class WindowLifecycle {
  readonly window: OpenWindow;
  readonly #session: WindowSession;
  #state: WindowState = { kind: 'open' };

  constructor(window: OpenWindow, session: WindowSession) {
    this.window = window;
    this.#session = session;
  }

  get state(): WindowState {
    return this.#state;
  }

  /** True while sums wait to be sent. */
  get isEmitting(): boolean {
    return this.#state.kind === 'sealed' || this.#state.kind === 'emitting';
  }

  /** open → sealed. @throws PulsesError PROTOCOL_VIOLATION when the engine does not have the window's keys */
  async seal(): Promise<void> {
    this.#assertMayBecome('sealed');
    await sealWindow(this.#session.engine, this.window);
    this.#become({ kind: 'sealed' });
  }

  /** Resolves when `emit` need not wait; undefined when it sends nothing. @throws the flow's failure */
  untilRoom(): Promise<void> | undefined {
    return this.#state.kind === 'emitting' && this.#state.sendsNext ? this.#session.flow.roomForSums() : undefined;
  }

  /** sealed or emitting → emitting or sent: emits some sums. Waits for room when it sends. @throws the flow's failure */
  async emit(): Promise<void> {
    this.#assertMayBecome('emitting');
    const emission = this.#state.kind === 'emitting' ? this.#state.emission : this.#startEmission();
    const { done, value } = await emission.next();
    if (done !== true) this.#become({ kind: 'emitting', emission, sendsNext: value });
  }

  /** stored → dropped. */
  async drop(): Promise<void> {
    this.#assertMayBecome('dropped');
    failpoint('window.before-drop');
    await this.#session.engine.drop(this.window.startMs);
    failpoint('window.after-drop');
    this.#become({ kind: 'dropped' });
  }

  #startEmission(): WindowEmission {
    const { engine, source, limits, flow, aggregated, stored } = this.#session;
    return emitWindow(engine, source, this.window, limits, (commit, lineCount, isLast) => {
      if (isLast) this.#become({ kind: 'sent' });
      return flow.send(commit, (isStored) => {
        if (!isStored) return;
        aggregated(lineCount);
        if (!isLast) return;
        this.#become({ kind: 'stored' });
        stored();
      });
    });
  }

  #become(state: WindowState): void {
    this.#assertMayBecome(state.kind);
    this.#state = state;
  }

  #assertMayBecome(kind: WindowState['kind']): void {
    if (!WINDOW_TRANSITIONS[this.#state.kind].includes(kind))
      throw new TypeError(`a window that is ${this.#state.kind} can't become ${kind}`);
  }
}
