// Which member of a group is active: the one whose name is in the position record.
//
// A member writes the record again before its lease is over. Another one takes its place by writing its own name, once the
// record says that the member left, or did not change for the lease, or once no server knows the member's connection. The
// times are the waiting member's own, so clocks need not agree. A wrong guess loses nothing: what the former member sends
// later expects an older sequence, and is refused.
//
// A member answers for its life from before its name is in the record until its connection ends.

import type { JetStreamManager } from '@nats-io/jetstream';
import { delay } from '@pulses/shared-async';
import { isPulsesError } from '@pulses/shared-errors';
import type { Clock } from '@pulses/shared-ports';
import { errors, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import { natsFailure } from './nats-failure';
import type { GroupSubjects } from './names';
import { OutputLog, type OutputLimits } from './output-log';
import { decodeRecord, type PositionRecord } from './position-record';

const LOOK_MS = 250;
const LIVENESS_MS_MAX = 500;
/** Looks in a row at which no server may know the member's connection: news of a connection travel through a cluster. */
const ABSENCES = 2;

/** A position record and its sequence. */
interface StoredRecord {
  readonly sequence: number;
  readonly record: PositionRecord;
}

export interface Candidate {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly clock: Clock;
  readonly subjects: GroupSubjects;
  readonly limits: OutputLimits;
  readonly member: string;
  readonly leaseMs: number;
  readonly signal: AbortSignal;
  /** The record of a group that has none of this source. */
  readonly fresh: Pick<PositionRecord, 'source' | 'positions' | 'clock'>;
  onStandby(ask: () => Promise<unknown>): void;
  /** The record is of a source that was deleted. */
  onOtherSource?(): void;
}

/**
 * Waits until this member is the active one, and finishes what the former left. The position records of the log are the
 * group's. @throws PulsesError; the signal's reason when it aborts
 */
export async function becomeActive(candidate: Candidate): Promise<OutputLog> {
  for (;;) {
    const stored = await untilFree(candidate);
    const liveness = await answerForLife(candidate);
    try {
      return await take(candidate, stored);
    } catch (error) {
      liveness.unsubscribe();
      // Another one was faster.
      if (!isPulsesError(error, 'FENCED')) throw error;
    }
  }
}

/** Resolves to the record once no member is active. */
async function untilFree(candidate: Candidate): Promise<StoredRecord | undefined> {
  const { connection, clock, signal, subjects, onStandby } = candidate;
  let isNotified = false;
  let absences = 0;
  let seen: { readonly sequence: number; readonly sinceMs: number } | undefined;
  for (;;) {
    signal.throwIfAborted();
    const stored = await readRecord(candidate);
    if (stored === undefined || stored.record.member === '') return stored;
    const nowMs = clock.monotonicMs();
    if (seen?.sequence !== stored.sequence) {
      seen = { sequence: stored.sequence, sinceMs: nowMs };
      absences = 0;
    }
    if (nowMs - seen.sinceMs >= stored.record.lease_ms) return stored;
    absences = (await isAbsent(connection, subjects.liveness)) ? absences + 1 : 0;
    if (absences >= ABSENCES) return stored;
    if (!isNotified && absences === 0) {
      isNotified = true;
      onStandby(() => connection.flush());
    }
    await delay(LOOK_MS, clock, signal);
  }
}

async function take(candidate: Candidate, stored: StoredRecord | undefined): Promise<OutputLog> {
  const { connection, manager, subjects, limits, member, leaseMs, fresh } = candidate;
  const isOfSource = stored?.record.source.incarnation === fresh.source.incarnation;
  if (stored !== undefined && !isOfSource) candidate.onOtherSource?.();
  const journal = stored?.record.journal;
  const log = new OutputLog({
    connection,
    subjects,
    limits,
    fence: stored?.sequence ?? 0,
    record: { version: 1, ...(stored?.record ?? fresh), member, lease_ms: leaseMs },
  });
  if (journal === undefined) {
    await log.renew(isOfSource ? {} : { ...fresh });
    return log;
  }
  // The journal of a record that a batch has just opened ends right before it.
  const first = journal.first === 0 ? (stored?.sequence ?? 0) - journal.count : journal.first;
  const chunks: Uint8Array[] = [];
  for (let sequence = first; sequence < first + journal.count; sequence += 1)
    chunks.push(await readMessage(manager, subjects.stream, sequence));
  await log.renew({ journal: { ...journal, first } });
  await log.finishJournal({ ...journal, first }, chunks);
  if (!isOfSource) await log.renew({ ...fresh });
  return log;
}

async function readMessage(manager: JetStreamManager, stream: string, sequence: number): Promise<Uint8Array> {
  const message = await manager.streams.getMessage(stream, { seq: sequence });
  // Another member may have finished the journal meanwhile.
  if (message === null) throw natsFailure(new Error(`message ${sequence} of ${stream} is gone`), 'the journal');
  return message.data;
}

async function readRecord({ manager, subjects: { stream, position } }: Candidate): Promise<StoredRecord | undefined> {
  const message = await manager.streams.getMessage(stream, { last_by_subj: position });
  return message === null ? undefined : { sequence: message.seq, record: decodeRecord(message.data, position) };
}

/** @throws PulsesError ACCESS_REFUSED without the right: others would take the member for absent */
async function answerForLife({ connection, subjects }: Candidate): Promise<Subscription> {
  let failure: Error | undefined;
  const subscription = connection.subscribe(subjects.liveness, {
    callback: (error, message) => {
      if (error === null) message.respond();
      else failure ??= error;
    },
  });
  await connection.flush();
  if (failure !== undefined) throw natsFailure(failure, 'the subject of members');
  return subscription;
}

/** Whether the servers know no connection of an active member. */
async function isAbsent(connection: NatsConnection, subject: string): Promise<boolean> {
  try {
    await connection.request(subject, '', { timeout: LIVENESS_MS_MAX });
    return false;
  } catch (error) {
    // Anything else says nothing: a member that is paused, or a right that is missing.
    return error instanceof errors.RequestError && error.isNoResponders();
  }
}
