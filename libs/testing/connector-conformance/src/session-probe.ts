// Small steps that the scenarios are written in.

import {
  type Connector,
  type OutputCommit,
  type Position,
  type Session,
  type SourceHead,
  type SourceStream,
  tenantColumns,
} from '@pulses/connector-api';
import { isPulsesError } from '@pulses/shared-errors';

export interface ReadMessage {
  readonly offset: number;
  readonly timestampMs: number;
  readonly text: string;
}

/** Opens a session that is expected to become active at once. */
export function openSession(
  connector: Connector,
  sourceTopic: string,
  group = 'conformance',
  signal = new AbortController().signal,
): Promise<Session> {
  return connector.openSession({
    sourceTopic,
    group,
    signal,
    onStandby: () => {
      throw new Error('another member is active');
    },
  });
}

/** Opens a session that may have to wait: then `standby` resolves. `takeover` rejects when `onStandby` is called twice. */
export function openStandby(
  connector: Connector,
  sourceTopic: string,
): { readonly standby: Promise<void>; readonly takeover: Promise<Session> } {
  const standby = Promise.withResolvers<void>();
  let calls = 0;
  const takeover = connector.openSession({
    sourceTopic,
    group: 'conformance',
    signal: new AbortController().signal,
    onStandby: () => {
      calls += 1;
      standby.resolve();
    },
  });
  return {
    standby: standby.promise,
    takeover: takeover.then((session) => {
      if (calls > 1) throw new Error(`onStandby was called ${calls} times`);
      return session;
    }),
  };
}

/**
 * Opens a session once the system can be reached again and an earlier member has lost its place.
 * @throws the signal's reason when it aborts
 */
export async function reopen(connector: Connector, sourceTopic: string, signal: AbortSignal): Promise<Session> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await openStandby(connector, sourceTopic).takeover;
    } catch (error) {
      if (!isPulsesError(error) || !error.retriable) throw error;
      await turn();
    }
  }
}

/** Lets everything else in the process go on. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Takes events until the stream rejects. */
export async function readToTheEnd(stream: SourceStream): Promise<never> {
  for (;;) await stream.next();
}

/** What a promise that should reject rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('this should have been refused');
}

/** Reads until the first head at which `count` messages have come. */
export async function readMessages(
  stream: SourceStream,
  count: number,
): Promise<{ messages: ReadMessage[]; head: SourceHead }> {
  const messages: ReadMessage[] = [];
  for (;;) {
    const event = await stream.next();
    if (event.kind === 'head') {
      if (messages.length >= count) return { messages, head: event };
      continue;
    }
    let start = event.start;
    for (let index = 0; index < event.recordCount; index += 1) {
      const end = event.ends[index];
      if (end === undefined) throw new Error(`no end for message ${index}`);
      messages.push({
        offset: event.baseOffset + index,
        timestampMs: event.timestampMs,
        text: Buffer.from(event.bytes.subarray(start, end)).toString('latin1'),
      });
      start = end + event.gap;
    }
  }
}

/** Asks an idle source for the proof that its log has passed a time, and answers the head that proves it. */
export async function proofOf(stream: SourceStream, timeMs: number): Promise<SourceHead> {
  stream.provePast(timeMs);
  for (;;) {
    const event = await stream.next();
    if (event.kind !== 'head') throw new Error('a message came from an idle source');
    if (event.clockMs >= timeMs) return event;
  }
}

/** Messages as bytes; the text is Latin-1, so that any byte can be written. */
export function messages(...texts: string[]): Uint8Array[] {
  return texts.map((text) => Buffer.from(text, 'latin1'));
}

/** A commit of one grouped line for each tenant, and a position. */
export function commitOf(tenants: readonly string[], line: string, position: Position): OutputCommit {
  return {
    grouped: tenantColumns(tenants.map((tenant) => ({ tenant, recordCount: 1, payload: Buffer.from(`${line}\n`) }))),
    aggregated: undefined,
    deadLetters: undefined,
    positions: new Map([['grouped', position]]),
  };
}
