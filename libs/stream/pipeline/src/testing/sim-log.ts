// A message system in memory, behind the connector's port, whose clock and failures the test controls.
//
// Keeps the promises of the interface and nothing else: events are valid until the next call, commits take effect in
// order one turn of the event loop later or when the test says so, a session ends with its first failure. Checks the
// caller too: `faults` says where a commit's bytes changed under way, or a commit was malformed.

import type {
  Connector,
  OutputCommit,
  Position,
  Session,
  SourceEvent,
  SourceStream,
  TenantOutput,
} from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import type { Random } from '@pulses/shared-ports';
import { aggregatedTopic, deadLetterTopic, groupedTopic } from '@pulses/shared-pulse-model';
import type { LoggedMessage } from './logged-message';
import { createSourceEvents } from './source-events';

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
  /** Asked for each commit that arrives, counted from 0 over all sessions. */
  failCommit?(index: number, commit: OutputCommit): CommitFailure | undefined;
}

export interface SimLog {
  readonly connector: Connector;
  readonly sourceTopic: string;
  readonly incarnation: string;
  readonly messages: readonly LoggedMessage[];
  readonly positions: ReadonlyMap<string, Position>;
  /** Everything stored so far, by topic. */
  readonly topics: ReadonlyMap<string, string>;
  /** Commits that arrived, of all sessions. */
  readonly commitCount: number;
  readonly commitsUnderWayMost: number;
  readonly sessionsOpened: number;
  readonly sessionsOpen: number;
  /** Where each session started to read. */
  readonly readsFrom: readonly number[];
  readonly faults: readonly string[];
  /** Called after each commit that was stored. */
  onStored: () => void;
  append(timestampMs: number, ...messages: (string | Uint8Array)[]): void;
  /** The same without the promise that time never falls. */
  appendAt(timestampMs: number, ...messages: (string | Uint8Array)[]): void;
  /** Moves the log's clock, which a reader at the head hears of. */
  setClock(clockMs: number): void;
  /** Commits wait until `releaseCommits`. */
  holdCommits(): void;
  releaseCommits(): void;
  /** Ends the open session. */
  breakSession(error: PulsesError): void;
  /** Deletes the source and its positions, and makes it again. */
  deleteSource(): void;
  /** Another member is active until the answer is called. */
  occupy(): () => void;
}

interface OpenSession {
  fail(error: PulsesError): void;
  wake(): void;
}

export function createSimLog(options: SimLogOptions): SimLog {
  const { sourceTopic } = options;
  const topics = new Map<string, string>();
  const positions = new Map<string, Position>();
  const faults: string[] = [];
  const messages: LoggedMessage[] = [];
  const readsFrom: number[] = [];
  let incarnation = 1;
  let clockMs = 0;
  let commitCount = 0;
  let underWay = 0;
  let underWayMost = 0;
  let sessionsOpened = 0;
  let active: OpenSession | undefined;
  let occupied: Promise<void> | undefined;
  let held: PromiseWithResolvers<void> | undefined;
  let onStored: () => void = () => undefined;

  const store = (commit: OutputCommit): void => {
    const append = (topic: string, { recordCount, payload }: Pick<TenantOutput, 'recordCount' | 'payload'>) => {
      const text = Buffer.from(payload).toString('utf8');
      if (text.split('\n').length - 1 !== recordCount || !text.endsWith('\n'))
        faults.push(`${topic}: not ${recordCount} lines`);
      topics.set(topic, (topics.get(topic) ?? '') + text);
    };
    for (const output of commit.grouped) append(groupedTopic(output.tenant), output);
    for (const output of commit.aggregated) append(aggregatedTopic(output.tenant), output);
    if (commit.deadLetters !== undefined) append(deadLetterTopic(sourceTopic), commit.deadLetters);
    for (const [name, position] of commit.positions) positions.set(name, position);
    onStored();
  };

  const openSession = (): Session => {
    let failure: PulsesError | undefined;
    let lastCommit = Promise.resolve();
    const events = createSourceEvents({ ...options, messages, clockMs: () => clockMs });
    const own: OpenSession = {
      fail(error) {
        failure ??= error;
        if (active === own) active = undefined;
        // As a broken connection does: the stream does not know which request was refused.
        events.fail(isSourceGone(error) ? error : new PulsesError('CONNECTION_LOST', 'the session has ended'));
      },
      wake: events.wake,
    };
    const settle = async (commit: OutputCommit, before: Promise<void>): Promise<void> => {
      const index = commitCount;
      commitCount += 1;
      const bytes = bytesOf(commit);
      if (commit.positions.size === 0) faults.push(`commit ${index} has no position`);
      await before.catch(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
      await held?.promise;
      if (failure !== undefined) throw failure;
      if (active !== own) throw new PulsesError('FENCED');
      if (!bytesOf(commit).equals(bytes)) faults.push(`commit ${index} changed under way`);
      const failing = options.failCommit?.(index, commit);
      if (failing?.at !== 'before') store(commit);
      if (failing === undefined) return;
      own.fail(failing.error);
      throw failing.error;
    };
    active = own;
    sessionsOpened += 1;
    return {
      source: { topic: sourceTopic, incarnation: incarnationText(incarnation) },
      startOffset: 0,
      positions: new Map(positions),
      sourceHead: () => Promise.resolve(messages.length),
      read(fromOffset): SourceStream {
        readsFrom.push(fromOffset);
        events.start(fromOffset);
        return {
          next: (): Promise<SourceEvent> => events.next(),
          close: () => {
            events.fail(new PulsesError('CONNECTION_LOST', 'the stream was closed'));
          },
        };
      },
      async commit(commit) {
        if (failure !== undefined) throw failure;
        underWay += 1;
        underWayMost = Math.max(underWayMost, underWay);
        const stored = settle(commit, lastCommit);
        lastCommit = stored;
        try {
          await stored;
        } catch (error) {
          own.fail(error as PulsesError);
          throw error;
        } finally {
          underWay -= 1;
        }
      },
      close() {
        own.fail(new PulsesError('CONNECTION_LOST', 'the session was closed'));
        return Promise.resolve();
      },
    };
  };

  const appendAt = (timestampMs: number, ...given: (string | Uint8Array)[]): void => {
    for (const message of given) messages.push({ offset: messages.length, timestampMs, bytes: Buffer.from(message) });
    active?.wake();
  };

  return {
    sourceTopic,
    messages,
    positions,
    topics,
    readsFrom,
    faults,
    connector: {
      name: 'sim',
      supports: { atomicCommit: true, standby: true },
      async openSession({ signal, onStandby }) {
        signal.throwIfAborted();
        if (occupied !== undefined) {
          onStandby();
          await Promise.race([occupied, abortOf(signal)]);
        }
        return openSession();
      },
      close: () => Promise.resolve(),
    },
    get incarnation() {
      return incarnationText(incarnation);
    },
    get commitCount() {
      return commitCount;
    },
    get commitsUnderWayMost() {
      return underWayMost;
    },
    get sessionsOpened() {
      return sessionsOpened;
    },
    get sessionsOpen() {
      return active === undefined ? 0 : 1;
    },
    set onStored(run: () => void) {
      onStored = run;
    },
    append(timestampMs, ...given) {
      if (timestampMs < clockMs) throw new Error(`the log's clock is at ${clockMs}`);
      clockMs = timestampMs;
      appendAt(timestampMs, ...given);
    },
    appendAt,
    setClock(nextMs) {
      if (nextMs < clockMs) throw new Error(`the log's clock is at ${clockMs}`);
      clockMs = nextMs;
      active?.wake();
    },
    holdCommits() {
      held = Promise.withResolvers<void>();
    },
    releaseCommits() {
      held?.resolve();
      held = undefined;
    },
    breakSession(error) {
      active?.fail(error);
    },
    deleteSource() {
      incarnation += 1;
      messages.length = 0;
      positions.clear();
      active?.fail(new PulsesError('TOPIC_UNKNOWN'));
    },
    occupy() {
      const { promise, resolve } = Promise.withResolvers<void>();
      occupied = promise;
      return () => {
        occupied = undefined;
        resolve();
      };
    },
  };
}

function isSourceGone(error: PulsesError): boolean {
  return error.code === 'TOPIC_UNKNOWN' || error.code === 'FENCED';
}

function incarnationText(incarnation: number): string {
  return String(incarnation).padStart(32, '0');
}

function bytesOf({ grouped, aggregated, deadLetters }: OutputCommit): Buffer {
  return Buffer.concat(
    [...grouped, ...aggregated, ...(deadLetters === undefined ? [] : [deadLetters])].map(({ payload }) => payload),
  );
}

function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      reject(signal.reason as Error);
    });
  });
}
