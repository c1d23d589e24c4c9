// A message system in memory, behind the connector's interface, whose clock and failures the test controls.
//
// Guarantees: it passes the connector suite, so what the pipeline may rely on here it may rely on anywhere. Checks the
// caller too: `faults` tells of a commit that changed under way or was malformed, and of a second stream beside the first.

import {
  type Connector,
  type OpenSessionOptions,
  type OutputCommit,
  type Position,
  type Session,
  type TenantOutput,
  tenantOutputs,
} from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import type { Random } from '@pulses/shared-ports';
import { aggregatedTopic, deadLetterTopic, groupedTopic } from '@pulses/shared-pulse-model';
import type { LoggedMessage } from './logged-message';
import { SimSession } from './sim-session';
import { untilAborted } from './until-aborted';

/** What happens to a commit instead of being stored and answered. */
export interface CommitFailure {
  /** Whether it fails with nothing stored, or is stored and the answer is lost. */
  readonly at: 'before' | 'after';
  readonly error: PulsesError;
}

export interface SimLogOptions {
  readonly sourceTopic: string;
  /** Cuts the log into events. */
  readonly random: Random;
  /** Most messages of an event; 7 when absent. */
  readonly eventRecordsMax?: number;
  /** Number of the partition that this log is; undefined for a system without partitions. */
  readonly partition?: number;
  /** Draws offsets that are left out between messages; undefined for a log without gaps. */
  readonly gaps?: Random;
  /** Whether its clock is told only when a proof is wanted, as of a system that sends nothing by itself. */
  readonly isQuiet?: boolean;
  /** Asked for each commit that arrives, counted from 0 over all sessions. */
  failCommit?(index: number, commit: OutputCommit): CommitFailure | undefined;
}

const EVENT_RECORDS_MAX = 7;
const GAP_SHARE = 0.2;
const GAP_MAX = 3;

/** A log of one source or partition, with its outputs and positions. */
export class SimLog {
  readonly sourceTopic: string;
  readonly connector: Connector;
  /** Where each stream started to read. */
  readonly readsFrom: number[] = [];
  readonly faults: string[] = [];
  /** Called after each commit that was stored. */
  onStored: (commit: OutputCommit) => void = () => undefined;
  readonly #options: SimLogOptions;
  readonly #messages: LoggedMessage[] = [];
  readonly #positions = new Map<string, Position>();
  readonly #topics = new Map<string, string>();
  #incarnation = 1;
  #head = 0;
  #clockMs = 0;
  #group: string | undefined;
  #active: { readonly session: SimSession; readonly group: string } | undefined;
  #isLeaseOver = false;
  #isOccupied = false;
  /** Resolves when a standby should look again. */
  #vacancy = Promise.withResolvers<void>();
  #held: PromiseWithResolvers<void> | undefined;
  #commitCount = 0;
  #commitsUnderWay = 0;
  #commitsUnderWayMost = 0;
  #sessionsOpened = 0;

  constructor(options: SimLogOptions) {
    this.#options = options;
    this.sourceTopic = options.sourceTopic;
    this.connector = this.createConnector();
  }

  get messages(): readonly LoggedMessage[] {
    return this.#messages;
  }

  get positions(): ReadonlyMap<string, Position> {
    return this.#positions;
  }

  /** For a position that no session of the test has stored. */
  setPosition(name: string, position: Position): void {
    this.#positions.set(name, position);
  }

  /** Everything stored so far, by topic. */
  get topics(): ReadonlyMap<string, string> {
    return this.#topics;
  }

  get incarnation(): string {
    const { partition } = this.#options;
    return `${partition === undefined ? '' : `${partition}f`}${this.#incarnation}`.padStart(32, '0');
  }

  get partition(): number | undefined {
    return this.#options.partition;
  }

  /** Whose outputs these are, once something is stored. */
  get group(): string | undefined {
    return this.#group;
  }

  /** The offset of the next message. */
  get head(): number {
    return this.#head;
  }

  /** The offset behind the last message. */
  get end(): number {
    return (this.#messages.at(-1)?.offset ?? -1) + 1;
  }

  get clockMs(): number {
    return this.#clockMs;
  }

  /** Commits that arrived, of all sessions. */
  get commitCount(): number {
    return this.#commitCount;
  }

  get commitsUnderWayMost(): number {
    return this.#commitsUnderWayMost;
  }

  get sessionsOpened(): number {
    return this.#sessionsOpened;
  }

  get sessionsOpen(): number {
    return this.#active === undefined ? 0 : 1;
  }

  /** Another process's connector to this log. */
  createConnector(): Connector {
    const own = new Set<Session>();
    return {
      name: 'sim',
      supports: { atomicCommit: true, standby: true, partitions: false },
      openSession: async (request) => {
        const session = await this.#openSession(request);
        own.add(session);
        return session;
      },
      close: async () => {
        await Promise.all([...own].map((session) => session.close()));
      },
    };
  }

  append(timestampMs: number, ...messages: (string | Uint8Array)[]): void {
    this.#advanceTo(timestampMs);
    this.appendAt(timestampMs, ...messages);
  }

  /** The same without the promise that time never falls. */
  appendAt(timestampMs: number, ...messages: (string | Uint8Array)[]): void {
    for (const message of messages) {
      this.#drawGap();
      this.#messages.push({ offset: this.#head, timestampMs, bytes: Buffer.from(message) });
      this.#head += 1;
    }
    this.#drawGap();
    this.#active?.session.wake();
  }

  /** Leaves offsets out. */
  skipOffsets(count: number): void {
    this.#head += count;
  }

  /** Moves the log's clock, which a reader at the head hears of. */
  setClock(clockMs: number): void {
    this.#advanceTo(clockMs);
    this.#active?.session.wake();
  }

  /** Commits wait until `releaseCommits`. */
  holdCommits(): void {
    this.#held = Promise.withResolvers<void>();
  }

  releaseCommits(): void {
    this.#held?.resolve();
    this.#held = undefined;
  }

  /** Ends the open session. */
  breakSession(error: PulsesError): void {
    this.#active?.session.fail(error);
  }

  /** Lets the next member take over from the open session, which does not hear of it. */
  expireLease(): void {
    this.#isLeaseOver = true;
    this.#announceVacancy();
  }

  /** Deletes the source and its positions, and makes it again. */
  deleteSource(): void {
    this.#incarnation += 1;
    this.#messages.length = 0;
    this.#head = 0;
    this.#positions.clear();
    this.#group = undefined;
    this.breakSession(new PulsesError('TOPIC_UNKNOWN'));
  }

  /** Another member is active until the answer is called. */
  occupy(): () => void {
    this.#isOccupied = true;
    return () => {
      this.#isOccupied = false;
      this.#announceVacancy();
    };
  }

  async #openSession({ group, signal, onStandby }: OpenSessionOptions): Promise<Session> {
    signal.throwIfAborted();
    let isStandby = false;
    while (this.#isOccupied || (this.#active !== undefined && !this.#isLeaseOver)) {
      if (!isStandby) onStandby(() => Promise.resolve());
      isStandby = true;
      await untilAborted(this.#vacancy.promise, signal);
    }
    return this.open(group);
  }

  /**
   * Makes a session the active one at once, in the place of another, which does not hear of it.
   * @throws PulsesError CONFIG_INVALID when the outputs belong to another group
   */
  open(group: string, ended: () => void = () => undefined): SimSession {
    if (this.#group !== undefined && this.#group !== group)
      throw new PulsesError('CONFIG_INVALID', `the group '${this.#group}' publishes the outputs of this source`);
    const { partition } = this.#options;
    const source = {
      topic: this.sourceTopic,
      incarnation: this.incarnation,
      ...(partition === undefined ? {} : { partition }),
    };
    const session = new SimSession(this.#host(ended), source, new Map(this.#positions));
    this.#active = { session, group };
    this.#isLeaseOver = false;
    this.#sessionsOpened += 1;
    return session;
  }

  #drawGap(): void {
    const { gaps } = this.#options;
    if (gaps !== undefined && gaps.fraction() < GAP_SHARE) this.skipOffsets(1 + Math.floor(gaps.fraction() * GAP_MAX));
  }

  #host(onEnded: () => void): ConstructorParameters<typeof SimSession>[0] {
    const { random, eventRecordsMax = EVENT_RECORDS_MAX, isQuiet = false } = this.#options;
    return {
      messages: this.#messages,
      random,
      eventRecordsMax,
      isQuiet,
      clockMs: () => this.#clockMs,
      head: () => this.#head,
      skipOffset: () => {
        this.skipOffsets(1);
      },
      isActive: (session) => this.#active?.session === session,
      commitArrived: () => {
        this.#commitsUnderWay += 1;
        this.#commitsUnderWayMost = Math.max(this.#commitsUnderWayMost, this.#commitsUnderWay);
        this.#commitCount += 1;
        return this.#commitCount - 1;
      },
      commitSettled: () => {
        this.#commitsUnderWay -= 1;
      },
      untilReleased: () => this.#held?.promise,
      store: (index, commit) => {
        const failure = this.#options.failCommit?.(index, commit);
        if (failure?.at !== 'before') this.#store(commit);
        if (failure !== undefined) throw failure.error;
      },
      readingFrom: (offset) => {
        this.readsFrom.push(offset);
      },
      fault: (text) => {
        this.faults.push(text);
      },
      ended: (session) => {
        onEnded();
        if (this.#active?.session !== session) return;
        this.#active = undefined;
        this.#announceVacancy();
      },
    };
  }

  #store(commit: OutputCommit): void {
    const append = (topic: string, { recordCount, payload }: Pick<TenantOutput, 'recordCount' | 'payload'>) => {
      const text = Buffer.from(payload).toString('utf8');
      if (text.split('\n').length - 1 !== recordCount || !text.endsWith('\n'))
        this.faults.push(`${topic}: not ${recordCount} lines`);
      this.#topics.set(topic, (this.#topics.get(topic) ?? '') + text);
    };
    for (const output of tenantOutputs(commit.grouped)) append(groupedTopic(output.tenant), output);
    for (const output of tenantOutputs(commit.aggregated)) append(aggregatedTopic(output.tenant), output);
    if (commit.deadLetters !== undefined) append(deadLetterTopic(this.sourceTopic), commit.deadLetters);
    for (const [name, position] of commit.positions) this.#positions.set(name, position);
    this.#group = this.#active?.group;
    this.onStored(commit);
  }

  #advanceTo(clockMs: number): void {
    if (clockMs < this.#clockMs) throw new Error(`the log's clock is at ${this.#clockMs}`);
    this.#clockMs = clockMs;
  }

  #announceVacancy(): void {
    this.#vacancy.resolve();
    this.#vacancy = Promise.withResolvers<void>();
  }
}
