// One member's time on the simulated log.
//
// Keeps the promises of the interface and nothing else. Commits take effect in order one turn of the event loop later,
// or when the test releases them. The session ends with its first failure. Reports a caller's mistakes to the log's
// `fault`.

import type { OutputCommit, Position, Session, SourceIdentity, SourceStream } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import type { Random } from '@pulses/shared-ports';
import type { LoggedMessage } from './logged-message';
import { SimStream } from './sim-stream';

/** What a session needs of the log. */
export interface SessionHost {
  readonly messages: readonly LoggedMessage[];
  readonly random: Random;
  readonly eventRecordsMax: number;
  readonly isQuiet: boolean;
  clockMs(): number;
  head(): number;
  skipOffset(): void;
  isActive(session: Session): boolean;
  /** Counts a commit that arrives; answers its index over all sessions. */
  commitArrived(): number;
  commitSettled(): void;
  /** Settles when the log takes commits. */
  untilReleased(): Promise<void> | undefined;
  /** Stores a commit, unless the test makes it fail. @throws PulsesError what the test says, with the commit stored or not */
  store(index: number, commit: OutputCommit): void;
  readingFrom(offset: number): void;
  fault(text: string): void;
  ended(session: Session): void;
}

export class SimSession implements Session {
  readonly startOffset = 0;
  readonly source: SourceIdentity;
  readonly positions: ReadonlyMap<string, Position>;
  readonly #host: SessionHost;
  #failure: PulsesError | undefined;
  #stream: SimStream | undefined;
  #lastCommit = Promise.resolve();

  constructor(host: SessionHost, source: SourceIdentity, positions: ReadonlyMap<string, Position>) {
    this.#host = host;
    this.source = source;
    this.positions = positions;
  }

  sourceHead(): Promise<number> {
    return this.#failure === undefined ? Promise.resolve(this.#host.head()) : Promise.reject(this.#failure);
  }

  read(fromOffset: number): SourceStream {
    const { messages, random, eventRecordsMax, isQuiet } = this.#host;
    if (this.#stream !== undefined) this.#host.fault('a second stream was opened beside the first');
    this.#host.readingFrom(fromOffset);
    const stream = new SimStream({
      fromOffset,
      messages,
      random,
      eventRecordsMax,
      isQuiet,
      clockMs: () => this.#host.clockMs(),
      head: () => this.#host.head(),
      skipOffset: () => {
        this.#host.skipOffset();
      },
      onEnd: () => {
        if (this.#stream === stream) this.#stream = undefined;
      },
    });
    this.#stream = stream;
    if (this.#failure !== undefined) stream.fail(streamFailureOf(this.#failure));
    return stream;
  }

  async commit(commit: OutputCommit): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const stored = this.#settle(this.#host.commitArrived(), commit, this.#lastCommit);
    this.#lastCommit = stored;
    try {
      await stored;
    } catch (error) {
      this.fail(error as PulsesError);
      throw error;
    } finally {
      this.#host.commitSettled();
    }
  }

  close(): Promise<void> {
    this.fail(new PulsesError('CONNECTION_LOST', 'the session was closed'));
    return Promise.resolve();
  }

  /** Ends the session with its first failure. */
  fail(error: PulsesError): void {
    this.#failure ??= error;
    this.#host.ended(this);
    this.#stream?.fail(streamFailureOf(error));
  }

  /** Something was appended, or the clock moved. */
  wake(): void {
    this.#stream?.wake();
  }

  async #settle(index: number, commit: OutputCommit, before: Promise<void>): Promise<void> {
    const bytes = bytesOf(commit);
    if (commit.positions.size === 0) this.#host.fault(`commit ${index} has no position`);
    await before.catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    await this.#host.untilReleased();
    if (this.#failure !== undefined) throw this.#failure;
    if (!this.#host.isActive(this)) throw new PulsesError('FENCED');
    if (!bytesOf(commit).equals(bytes)) this.#host.fault(`commit ${index} changed under way`);
    try {
      this.#host.store(index, commit);
    } catch (error) {
      this.fail(error as PulsesError);
      throw error;
    }
  }
}

/** As a broken connection does: the stream does not know which request was refused. */
function streamFailureOf(error: PulsesError): PulsesError {
  return error.code === 'TOPIC_UNKNOWN' || error.code === 'FENCED'
    ? error
    : new PulsesError('CONNECTION_LOST', 'the session has ended');
}

function bytesOf({ grouped, aggregated, deadLetters }: OutputCommit): Buffer {
  return Buffer.concat(
    [grouped, aggregated, deadLetters].flatMap((outputs) => (outputs === undefined ? [] : [outputs.payload])),
  );
}
