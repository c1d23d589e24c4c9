// The output stream as its one writer sees it: commits of outputs and positions.
//
// A commit is an atomic batch: its outputs, and last the position record, which replaces the record before (roll-up) and
// expects that record's sequence. So a batch is stored whole or not at all, and only while no other member has written the
// position since: the sequence is the fence.
//
// A commit of more messages than a batch takes begins with a batch that holds the rest of them as a journal, and a record
// that says so. From then on the commit is decided: batches move the rest to its subjects, each with a record of how far
// they got, and the last one removes the journal and sets the positions. A later member finishes what it finds.
//
// Guarantees: commits take effect in the order of the calls; after the first failure nothing more is sent. Several may be
// under way: the outputs of the next are sent while the one before is stored; its last message waits.

import type { Position } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { headers, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';
import { randomBytes } from 'node:crypto';
import { decodeJournal, encodeJournal, journaledCount } from './journal';
import { natsFailure, serverFailure, type ServerError } from './nats-failure';
import { LINES_HEADER, type GroupSubjects } from './names';
import type { OutputMessage } from './output-messages';
import { encodeRecord, type ClockState, type JournalState, type PositionRecord } from './position-record';

const STORE_MS_MAX = 10_000;

/** What one batch and one message take. */
export interface OutputLimits {
  readonly batchMessagesMax: number;
  readonly bodyBytesMax: number;
}

interface StoredAnswer {
  readonly error?: ServerError;
  readonly stream?: string;
  readonly seq?: number;
  readonly count?: number;
}

export interface OutputLogOptions {
  readonly connection: NatsConnection;
  readonly subjects: GroupSubjects;
  readonly limits: OutputLimits;
  /** Sequence of the last position record; 0 when there is none. */
  readonly fence: number;
  readonly record: PositionRecord;
}

export class OutputLog {
  readonly #connection: NatsConnection;
  readonly #subjects: GroupSubjects;
  readonly #limits: OutputLimits;
  #fence: number;
  /** As it will be once every call so far is stored. */
  #record: PositionRecord;
  #tail: Promise<void> = Promise.resolve();
  #underWay = 0;
  #failure: PulsesError | undefined;

  constructor({ connection, subjects, limits, fence, record }: OutputLogOptions) {
    this.#connection = connection;
    this.#subjects = subjects;
    this.#limits = limits;
    this.#fence = fence;
    this.#record = record;
  }

  get record(): PositionRecord {
    return this.#record;
  }

  /** For errors. */
  get #what(): string {
    return `a commit to the stream ${this.#subjects.stream}`;
  }

  /** Sequence of the record that was stored last. */
  get fence(): number {
    return this.#fence;
  }

  get isIdle(): boolean {
    return this.#underWay === 0;
  }

  /** Stores messages and positions; resolves when they are stored. */
  commit(
    messages: readonly OutputMessage[],
    positions: ReadonlyMap<string, Position>,
    clock: ClockState,
  ): Promise<void> {
    const before = this.#record;
    const record = { ...before, positions: { ...before.positions, ...Object.fromEntries(positions) }, clock };
    this.#record = record;
    if (messages.length > this.#limits.batchMessagesMax - 1)
      return this.#inOrder(() => this.#storeByJournal(messages, { ...before, clock }, record));
    let send: () => Promise<number>;
    try {
      send = this.#stage(messages, record);
    } catch (error) {
      this.#failure ??= natsFailure(error, this.#what);
      return Promise.reject(this.#failure);
    }
    return this.#inOrder(async () => {
      await send();
    });
  }

  /** Stores the record again, so that others see a sign of life, or with a change. */
  renew(change: Partial<PositionRecord> = {}): Promise<void> {
    const record = { ...this.#record, ...change };
    this.#record = record;
    return this.#inOrder(async () => {
      await this.#stage([], record)();
    });
  }

  /** Finishes the commit of an earlier member. @param chunks the messages of the journal, in order */
  finishJournal(journal: JournalState, chunks: readonly Uint8Array[]): Promise<void> {
    const { journal: _, ...before } = this.#record;
    const record = { ...before, positions: journal.positions };
    this.#record = record;
    const messages = decodeJournal(chunks);
    return this.#inOrder(() => this.#moveJournal(messages, before, record, journal));
  }

  async #inOrder(store: () => Promise<void>): Promise<void> {
    const previous = this.#tail;
    const stored = (async () => {
      await previous;
      if (this.#failure !== undefined) throw this.#failure;
      try {
        await store();
      } catch (error) {
        this.#failure ??= natsFailure(error, this.#what);
        throw this.#failure;
      }
    })();
    this.#underWay += 1;
    this.#tail = stored.catch(() => undefined);
    try {
      await stored;
    } finally {
      this.#underWay -= 1;
    }
  }

  async #storeByJournal(
    messages: readonly OutputMessage[],
    before: PositionRecord,
    record: PositionRecord,
  ): Promise<void> {
    const { journal: subject } = this.#subjects;
    const { batchMessagesMax, bodyBytesMax } = this.#limits;
    const first = messages.length - journaledCount(messages, batchMessagesMax, bodyBytesMax);
    const rest = messages.slice(first);
    const chunks = encodeJournal(rest, bodyBytesMax);
    const { positions } = record;
    // The server numbers a batch without gaps: the journal ends right before the record.
    const opening = { ...before, journal: { first: 0, count: chunks.length, done: 0, positions } };
    const bodies = chunks.map((body) => ({ subject, lineCount: 0, body }));
    const sequence = await this.#stage([...messages.slice(0, first), ...bodies], opening)();
    const journal = { first: sequence - chunks.length, count: chunks.length, done: 0, positions };
    await this.#moveJournal(rest, before, record, journal);
  }

  /** @param before the record while messages of the journal are left; `record` is the one after them */
  async #moveJournal(
    messages: readonly OutputMessage[],
    before: PositionRecord,
    record: PositionRecord,
    journal: JournalState,
  ): Promise<void> {
    // Besides outputs a batch holds the record, and the last one the end of the journal.
    const messagesMax = this.#limits.batchMessagesMax - 2;
    for (let done = journal.done; done <= messages.length;) {
      const part = messages.slice(done, done + messagesMax);
      done += part.length;
      const isLast = done === messages.length;
      await this.#stage(part, isLast ? record : { ...before, journal: { ...journal, done } }, isLast)();
      if (isLast) return;
    }
  }

  /**
   * Sends all of a batch but its last message. The server forgets it unless the answer is called.
   * @returns sends the last one; answers its sequence
   */
  #stage(messages: readonly OutputMessage[], record: PositionRecord, endsJournal = false): () => Promise<number> {
    const { position, journal } = this.#subjects;
    const id = randomBytes(12).toString('hex');
    let count = 0;
    const nextHeaders = (): MsgHdrs => {
      count += 1;
      const own = headers();
      own.set('Nats-Batch-Id', id);
      own.set('Nats-Batch-Sequence', String(count));
      return own;
    };
    for (const { subject, lineCount, body } of messages) {
      const own = nextHeaders();
      if (lineCount > 0) own.set(LINES_HEADER, String(lineCount));
      this.#connection.publish(subject, body, { headers: own });
    }
    if (endsJournal) {
      const own = nextHeaders();
      own.set('Nats-Rollup', 'sub');
      this.#connection.publish(journal, new Uint8Array(), { headers: own });
    }
    const last = count === 0 ? headers() : nextHeaders();
    if (count > 0) last.set('Nats-Batch-Commit', '1');
    last.set('Nats-Rollup', 'sub');
    const body = encodeRecord(record);
    return async () => {
      last.set('Nats-Expected-Last-Subject-Sequence', String(this.#fence));
      const answer = await this.#connection.request(position, body, { headers: last, timeout: STORE_MS_MAX });
      return this.#take(JSON.parse(answer.string()) as StoredAnswer, count);
    };
  }

  #take({ error, stream, seq, count }: StoredAnswer, expectedCount: number): number {
    if (error !== undefined) throw serverFailure(error, this.#what);
    // A server without batches would store the last message alone.
    if (stream !== this.#subjects.stream || seq === undefined || (expectedCount > 0 && count !== expectedCount))
      throw new PulsesError(
        'PROTOCOL_VIOLATION',
        `NATS stored ${count ?? 1} of ${expectedCount} messages of a commit in the stream ${stream ?? ''}`,
      );
    this.#fence = seq;
    return seq;
  }
}
