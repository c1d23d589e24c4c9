// Tells a wrong setting from a passing failure.
//
// Guarantees: until this process was once a member of the group, what another try can't mend is CONFIG_INVALID, so the
// program ends and names it. Afterwards the same failures stay as they are, and the caller tries again.
// Bounds: brokers that can't be reached at the start are waited for `START_MS`, and asked twice at least: one request that is
// lost may take longer than that.

import type { Connector, OpenSessionOptions, Session } from '@pulses/connector-api';
import { isPulsesError, PulsesError, type ErrorCode } from '@pulses/shared-errors';
import type { Clock } from '@pulses/shared-ports';

/** As long as a broker takes to start. */
export const START_MS = 15_000;

const NEEDS_CHANGE: ReadonlySet<ErrorCode> = new Set([
  'ACCESS_REFUSED',
  'LOG_UNSUITABLE',
  'TOPIC_UNKNOWN',
  'VERSION_UNSUPPORTED',
]);
const MAY_PASS: ReadonlySet<ErrorCode> = new Set(['CONNECTION_LOST', 'TIMED_OUT']);

export class StartGate implements Connector {
  readonly #inner: Connector;
  readonly #clock: Clock;
  #firstMs: number | undefined;
  #failures = 0;
  #isPast = false;

  constructor(inner: Connector, clock: Clock) {
    this.#inner = inner;
    this.#clock = clock;
  }

  get name() {
    return this.#inner.name;
  }

  get supports() {
    return this.#inner.supports;
  }

  async openSession(request: OpenSessionOptions): Promise<Session> {
    this.#firstMs ??= this.#clock.monotonicMs();
    try {
      const session = await this.#inner.openSession({
        ...request,
        onStandby: (ask) => {
          this.#isPast = true;
          request.onStandby(ask);
        },
        // Until then a failure is the call's, so that it is told as what it is.
        onFailure: (partition, error) => (this.#isPast ? request.onFailure?.(partition, error) : undefined),
      });
      this.#isPast = true;
      return session;
    } catch (error) {
      this.#failures += 1;
      throw this.#isWrong(error) ? new PulsesError('CONFIG_INVALID', error.message, { cause: error }) : error;
    }
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  #isWrong(error: unknown): error is PulsesError {
    if (this.#isPast || !isPulsesError(error)) return false;
    if (NEEDS_CHANGE.has(error.code)) return true;
    return (
      this.#failures > 1 && MAY_PASS.has(error.code) && this.#clock.monotonicMs() - (this.#firstMs ?? 0) >= START_MS
    );
  }
}
