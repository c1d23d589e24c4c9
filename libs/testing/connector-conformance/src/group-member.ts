// A process of a group that works on every partition it gets: commits a line for each message, with the position behind it.
//
// Guarantees: it ends with `leave` or `end`, whatever its connector does, and lets the event loop go on between two tries.

import type { Connector, Session } from '@pulses/connector-api';
import { isPulsesError } from '@pulses/shared-errors';
import { commitOf, turn } from './session-probe';

export class GroupMember {
  readonly #connector: Connector;
  readonly #topic: string;
  readonly #leaving = new AbortController();
  readonly #running: Promise<void>;
  readonly #works = new Set<Promise<void>>();
  #committed = 0;
  #failure: { readonly error: unknown } | undefined;

  constructor(connector: Connector, topic: string) {
    this.#connector = connector;
    this.#topic = topic;
    this.#running = this.#run();
  }

  /** Messages whose commit was answered. */
  get committed(): number {
    return this.#committed;
  }

  /** @throws what made it fail, or that it has ended: a test that waits for it would wait for ever */
  throwIfEnded(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
    this.#leaving.signal.throwIfAborted();
  }

  /** Ends in the middle of its work. @throws what made it fail before */
  async leave(): Promise<void> {
    await this.end();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** The same, for a test that is over. */
  async end(): Promise<void> {
    this.#leaving.abort(new Error('the member has left'));
    await this.#connector.close();
    await this.#running;
    await Promise.all(this.#works);
  }

  async #run(): Promise<void> {
    const { signal } = this.#leaving;
    while (!signal.aborted && this.#failure === undefined) {
      try {
        const session = await this.#connector.openSession({
          sourceTopic: this.#topic,
          group: 'conformance',
          signal,
          onStandby: () => undefined,
        });
        const work = this.#work(session);
        this.#works.add(work);
        void work.then(() => this.#works.delete(work));
      } catch (error) {
        this.#note(error);
        // A refusal may come at once, and then again.
        await turn();
      }
    }
  }

  async #work(session: Session): Promise<void> {
    const { partition } = session.source;
    const tenant = `member-${this.#topic}-${partition}`;
    try {
      const stream = session.read(session.positions.get('grouped')?.offset ?? session.startOffset);
      for (;;) {
        const event = await stream.next();
        if (event.kind === 'head') continue;
        let start = event.start;
        for (let index = 0; index < event.recordCount; index += 1) {
          const end = event.ends[index] ?? NaN;
          const line = Buffer.from(event.bytes.subarray(start, end)).toString('latin1');
          await session.commit(commitOf([tenant], line, { offset: event.baseOffset + index + 1, metadata: '' }));
          this.#committed += 1;
          start = end + event.gap;
        }
      }
    } catch (error) {
      this.#note(error);
    } finally {
      await session.close();
    }
  }

  /** A session that failed is followed by another one; anything else is a failure of the test. */
  #note(error: unknown): void {
    const isUsual = isPulsesError(error) && (error.retriable || error.code === 'FENCED');
    if (!isUsual && !this.#leaving.signal.aborted) this.#failure ??= { error };
  }
}
