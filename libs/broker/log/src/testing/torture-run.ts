// Runs operations against a log whose file system may fail, and keeps the books: what was acknowledged, what was refused,
// and what may have happened or not.
//
// Guarantees: while it runs, what readers see is always the effect of whole operations, in order, and of nothing that
// was refused. Throws Violation otherwise.

import { columnsOf } from '@pulses/broker-wire';
import type { Random } from '@pulses/shared-ports';
import { createSimClock, settle, type SimClock, type SimFileSystem } from '@pulses/testing-sim';
import { isPulsesError } from '@pulses/shared-errors';
import type { BrokerLog } from '@pulses/broker-log-api';
import { openBrokerLog } from '../open-broker-log';
import type { BrokerLogOptions, OpenBrokerLogOptions } from '../options';
import { lines } from './log-fixture';
import { differenceOf, endsMatch, observe, topicsOf, Violation } from './torture-checks';
import { applied, GROUP, nextOperation, RETAINED_BYTES, SOURCE, type Model, type Operation } from './torture-model';

export const DIRECTORY = '/data';

/** So small that segments, checkpoints and retirements come every few operations. */
export const TORTURE_OPTIONS: Partial<BrokerLogOptions> = {
  segmentBytesMax: 1_500,
  groupBytesMax: 1_000,
  tailBytesMax: 600,
  unwrittenBytesMax: 3_000,
  unwrittenBatchesMax: 40,
  passBytesMax: 1_000,
  materialiseDelayMs: 10,
  topicSegmentBytesMax: 500,
  entriesHeldMax: 2,
  checkpointBytes: 2_500,
  retentionIntervalMs: 60,
  openFilesMax: 3,
};

export interface Machine {
  readonly fileSystem: SimFileSystem;
  readonly clock: SimClock;
  readonly random: Random;
}

/** The log on the machine; undefined when the power goes before it is open. */
export async function openOn(
  machine: Machine,
  rest: Partial<OpenBrokerLogOptions> = {},
): Promise<BrokerLog | undefined> {
  const opening = openBrokerLog({
    ...machine,
    directory: DIRECTORY,
    options: TORTURE_OPTIONS,
    retention: (topic) => ({ bytes: RETAINED_BYTES.get(topic) }),
    ...rest,
  });
  return await settled(machine, opening);
}

export function machineOn(fileSystem: SimFileSystem, random: Random, startMs?: number): Machine {
  return { fileSystem, random, clock: createSimClock(startMs) };
}

/** Moves time on until the promise settles; undefined when the power goes before. @throws Violation when it never does */
export async function settled<T>({ clock, fileSystem }: Machine, promise: Promise<T>): Promise<T | undefined> {
  let isDone = false;
  const done = (): void => {
    isDone = true;
  };
  promise.then(done, done);
  void fileSystem.powerCut.then(done);
  for (let turn = 0; turn < 400; turn += 1) {
    await settle(1);
    if (isDone) return await Promise.race([promise, fileSystem.powerCut.then(() => undefined)]);
    await clock.advance(40);
  }
  throw new Violation('a call of the log never settles');
}

type Outcome = 'waiting' | 'acknowledged' | 'refused' | 'unknown';

interface Issued {
  readonly operation: Operation;
  /** The state behind it, when nothing before was refused. */
  readonly after: Model;
  outcome: Outcome;
  result: unknown;
}

export interface Books {
  /** Everything acknowledged, and nothing else. */
  readonly model: Model;
  /** Operations behind it, in order, each of which may have happened, if those before have. */
  readonly open: readonly Operation[];
  /** Codes of refusals. */
  readonly refusals: readonly string[];
  /** Set once the log has failed for good. */
  readonly failure: Error | undefined;
}

/** The states that may be found after a stop, the one with the least first. */
export function candidatesOf({ model, open }: Books): Model[] {
  const models = [model];
  for (const operation of open) models.push(applied(models.at(-1)!, operation)); // never empty
  return models;
}

export interface RunOptions {
  readonly machine: Machine;
  readonly log: BrokerLog;
  readonly model: Model;
  readonly steps: number;
  /** Operations that are called together, at most. */
  readonly togetherMax?: number;
}

/** Runs steps of operations until they are done, the power goes, or the log fails. */
export async function runOperations(options: RunOptions): Promise<Books> {
  const { machine, log, steps, togetherMax = 5 } = options;
  const { random, clock, fileSystem } = machine;
  let books: Books = { model: options.model, open: [], refusals: [], failure: undefined };
  let isPowerCut = false;
  let failure: Error | undefined;
  void fileSystem.powerCut.then(() => {
    isPowerCut = true;
  });
  void log.failed.then((error) => {
    failure = error;
  });
  for (let step = 0; step < steps && !isPowerCut && failure === undefined; step += 1) {
    const count = 1 + Math.floor(random.fraction() ** 2 * togetherMax);
    books = await runTogether(machine, log, books, count);
    if (isPowerCut || books.open.length > 0) break;
    if (random.fraction() < 0.3) await clock.advance(Math.floor(random.fraction() * 100));
    if (random.fraction() < 0.15) await checkAgainst(machine, log, books.model);
  }
  return { ...books, failure };
}

/** @throws Violation when the log does not show exactly the model */
export async function checkAgainst(machine: Machine, log: BrokerLog, model: Model): Promise<void> {
  const observed = await settled(machine, observe(log).catch(codeOf));
  if (observed === undefined || typeof observed === 'string') {
    if (observed !== undefined && observed !== 'STORAGE_FAILED' && observed !== 'OVERLOADED')
      throw new Violation(`reading fails: ${observed}`);
    return;
  }
  const difference = differenceOf(model, observed);
  if (difference !== undefined) throw new Violation(`live: ${difference}`);
}

async function runTogether(machine: Machine, log: BrokerLog, books: Books, count: number): Promise<Books> {
  const issued: Issued[] = [];
  let staged = books.model;
  let isOdd: string | undefined;
  const look = (): void => {
    const topics = topicsOf(log);
    if (modelsAfter(books.model, issued).some((model) => endsMatch(model, topics))) return;
    isOdd ??= `readers see ${topics.map(({ topic, nextOffset }) => `${topic}:${nextOffset}`).join(' ')} after ${describe(issued)}`;
  };
  const stops = [...staged.topics.keys(), 'a', 'brief', 'b.c', SOURCE].map((topic) => log.onChange(topic, look));
  const calls: Promise<void>[] = [];
  for (let index = 0; index < count; index += 1) {
    const operation = nextOperation(machine.random, staged);
    // The request names the incarnation of before: a topic deleted just now would rightly refuse it.
    if (index > 0 && (operation.kind === 'delete' || operation.kind === 'retire')) break;
    if (operation.kind === 'commit' && log.topic(SOURCE) === undefined) break;
    staged = applied(staged, operation);
    const one: Issued = { operation, after: staged, outcome: 'waiting', result: undefined };
    issued.push(one);
    calls.push(
      perform(log, operation).then(
        (result) => {
          one.outcome = 'acknowledged';
          one.result = result;
        },
        (error: unknown) => {
          one.result = codeOf(error);
          one.outcome = one.result === 'STORAGE_FAILED' || one.result === 'JOURNAL_CORRUPT' ? 'unknown' : 'refused';
        },
      ),
    );
    if (operation.kind === 'delete' || operation.kind === 'retire') break;
  }
  await settled(machine, Promise.all(calls));
  // The power may have gone while answers were on their way.
  await settle(1);
  for (const stop of stops) stop();
  if (isOdd !== undefined) throw new Violation(isOdd);
  return booksAfter(books, issued);
}

function describe(issued: readonly Issued[]): string {
  return issued.map(({ operation, outcome }) => `${operation.kind} ${outcome}`).join(', ');
}

/** Every state that a reader may see by now: the acknowledged operations are there, those that wait may be. */
function modelsAfter(model: Model, issued: readonly Issued[]): Model[] {
  const lastKnown = issued.findLastIndex(({ outcome }) => outcome === 'acknowledged');
  const models: Model[] = [];
  let current = model;
  let isOff = false;
  if (lastKnown === -1) models.push(current);
  for (const [index, { operation, after, outcome }] of issued.entries()) {
    isOff ||= outcome === 'refused';
    if (outcome !== 'refused') current = isOff ? applied(current, operation) : after;
    if (index >= lastKnown) models.push(current);
  }
  return models;
}

function booksAfter(books: Books, issued: readonly Issued[]): Books {
  let { model } = books;
  const open: Operation[] = [];
  const refusals = [...books.refusals];
  for (const { operation, after, outcome, result } of issued) {
    if (outcome === 'refused') refusals.push(String(result));
    if (outcome === 'waiting' || outcome === 'unknown') open.push(operation);
    if (outcome !== 'acknowledged') continue;
    if (open.length > 0) throw new Violation(`answered out of order: ${describe(issued)}`);
    checkResult(model, operation, result);
    model = refusals.length === 0 ? after : applied(model, operation);
  }
  return { ...books, model, open, refusals };
}

function checkResult(model: Model, operation: Operation, result: unknown): void {
  if (operation.kind === 'append' || operation.kind === 'produce') {
    const { baseOffset, duplicate } = result as { baseOffset: number; duplicate: boolean };
    const expected = model.topics.get(operation.topic)?.length ?? 0;
    if (baseOffset !== expected || duplicate)
      throw new Violation(`${operation.topic}: answered ${baseOffset}, expected ${expected}`);
  }
  if (operation.kind === 'advance' && result !== model.groupEpoch + 1) {
    throw new Violation(`the group is in epoch ${String(result)}, expected ${model.groupEpoch + 1}`);
  }
}

export function perform(log: BrokerLog, operation: Operation): Promise<unknown> {
  switch (operation.kind) {
    case 'append':
      return log.append({ topic: operation.topic, ...lines(...operation.messages) });
    case 'produce':
      return log.append({ topic: operation.topic, ...lines(...operation.messages) }, operation.stamp);
    case 'commit':
      return log.commit({
        group: GROUP,
        groupEpoch: operation.epoch,
        topic: SOURCE,
        incarnation: log.topic(SOURCE)?.incarnation ?? '',
        positions: operation.positions,
        ...columnsOf(operation.appends.map(({ topic, messages }) => ({ topic, ...lines(...messages) }))),
      });
    case 'create':
      return log.createTopic(operation.topic);
    case 'delete':
      return log.deleteTopics([operation.topic]);
    case 'advance':
      return log.advanceGroupEpoch(GROUP);
    case 'retire':
      return log.retireProducer(operation.id, operation.epoch);
  }
}

export function codeOf(error: unknown): string {
  if (error instanceof Violation) throw error;
  return isPulsesError(error) ? error.code : String(error);
}
