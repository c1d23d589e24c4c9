// A log through several lives, each of which a power cut or a clean stop ends, checked at every start.

import type { FileSystem } from '@pulses/shared-ports';
import { createSimFileSystem, createSimRandom, type SimFileSystem } from '@pulses/testing-sim';
import type { BrokerLog } from '@pulses/broker-log-api';
import { differenceOf, observe, Violation, type Observed } from './torture-checks';
import { applied, EMPTY_MODEL, type Model, type Operation } from './torture-model';
import {
  candidatesOf,
  codeOf,
  machineOn,
  openOn,
  perform,
  runOperations,
  settled,
  type Books,
  type Machine,
} from './torture-run';

/** Stands between the log and the disk: a seeded bug. */
export type Wrap = (fileSystem: SimFileSystem) => FileSystem;

const PAGE_BYTES = [64, 512, 4096];

export const NOTHING_YET: Books = { model: EMPTY_MODEL, open: [], refusals: [], failure: undefined };

/** What went wrong with the seeds, a line each, at most five. */
export async function violationsOf(seeds: Iterable<number>, check: (seed: number) => Promise<void>): Promise<string[]> {
  const found: string[] = [];
  for (const seed of seeds) {
    try {
      await check(seed);
    } catch (error) {
      const text =
        error instanceof Violation ? error.message : error instanceof Error ? String(error.stack) : String(error);
      found.push(`seed ${seed}: ${text}`);
      if (found.length === 5) break;
    }
  }
  return found;
}

/** Three lives of operations, each ended by a power cut at some call or by a clean stop. @throws Violation */
export async function livePowerCuts(seed: number, wrap: Wrap = (fileSystem) => fileSystem): Promise<void> {
  const random = createSimRandom(seed);
  const pageBytes = PAGE_BYTES[Math.floor(random.fraction() * PAGE_BYTES.length)]!; // below the length
  let disk = createSimFileSystem({ seed, pageBytes });
  let books = NOTHING_YET;
  for (let life = 0; life < 3; life += 1) {
    // A directory of one mode opens in the other.
    const mode = random.fraction() < 0.5 ? 'append' : 'recycled';
    const machine = machineOn(disk, random, 1_700_000_000_000 + life, mode);
    disk.cutPowerAt(1 + Math.floor(random.fraction() ** 2 * 1_200));
    const opened = await recovered(machine, books, wrap);
    books = opened.books;
    const { log } = opened;
    let isClosed = false;
    if (log !== undefined) {
      books = checkedBooks(await runOperations({ machine, log, model: books.model, steps: 60 }));
      if (books.open.length === 0 && random.fraction() < 0.3) {
        isClosed =
          (await settled(
            machine,
            log.close().then(() => true),
          )) === true;
      }
    }
    disk = isClosed ? disk.fork(seed + life) : disk.afterPowerCut(seed * 31 + life);
  }
  await finish(disk, machineOn(disk, random), books, wrap);
}

function checkedBooks(books: Books): Books {
  if (books.refusals.length > 0) throw new Violation(`refused without a reason: ${books.refusals.join()}`);
  if (books.failure !== undefined) throw new Violation(`failed without a reason: ${String(books.failure)}`);
  return books;
}

/** The last start: continues, stops, starts again and finds everything. @throws Violation */
export async function finish(disk: SimFileSystem, machine: Machine, books: Books, wrap: Wrap): Promise<void> {
  const opened = await recovered(machine, books, wrap);
  if (opened.log === undefined) throw new Violation('the log does not open');
  const { model } = checkedBooks(
    await runOperations({ machine, log: opened.log, model: opened.books.model, steps: 5 }),
  );
  await settled(machine, opened.log.close());
  if (disk.openHandles > 0) throw new Violation(`${disk.openHandles} files stay open after close`);
  const again = machineOn(disk.fork(), machine.random);
  const log = await openOn(again, { fileSystem: wrap(again.fileSystem) });
  const observed = log === undefined ? undefined : await settled(again, observe(log));
  if (log === undefined || observed === undefined) throw new Violation('the log does not open after a clean stop');
  const difference = differenceOf(model, observed);
  if (difference !== undefined) throw new Violation(`after a clean stop: ${difference}`);
  await settled(again, log.close());
}

export interface Recovered {
  readonly books: Books;
  /** Undefined when the power went meanwhile. */
  readonly log: BrokerLog | undefined;
}

/** Opens what a stop has left, and does again what was under way, as its clients would. @throws Violation */
export async function recovered(machine: Machine, books: Books, wrap: Wrap): Promise<Recovered> {
  const gone = { books, log: undefined };
  const log = await openOn(machine, { fileSystem: wrap(machine.fileSystem) }).catch((error: unknown) => {
    throw new Violation(`does not open: ${String(error)}`);
  });
  if (log === undefined) return gone;
  const observed = await settled(machine, observe(log)).catch((error: unknown) => {
    throw new Violation(`cannot be read: ${codeOf(error)}`);
  });
  if (observed === undefined) return gone;
  const found = matchOf(books, observed);
  const after = await redo(machine, log, found.model, found.rest);
  return after.open.length === 0 && (await checkRepeats(machine, log, after.model))
    ? { books: after, log }
    : { books: after, log: undefined };
}

/** @throws Violation when the log shows none of the states that it may */
function matchOf(books: Books, observed: Observed): { model: Model; rest: readonly Operation[] } {
  const candidates = candidatesOf(books);
  const differences = candidates.map((model) => differenceOf(model, observed));
  const index = differences.indexOf(undefined);
  if (index === -1) throw new Violation(`after a restart: ${differences.join(' | ')}`);
  return { model: candidates[index]!, rest: books.open.slice(index) };
}

async function redo(machine: Machine, log: BrokerLog, from: Model, rest: readonly Operation[]): Promise<Books> {
  let model = from;
  for (const [index, operation] of rest.entries()) {
    const again = operation.kind === 'commit' ? { ...operation, epoch: model.groupEpoch } : operation;
    const result = await settled(
      machine,
      perform(log, again).then((value) => ({ value })),
    ).catch((error: unknown) => {
      throw new Violation(`${operation.kind} is refused when it is sent again: ${codeOf(error)}`);
    });
    if (result === undefined) return { ...NOTHING_YET, model, open: rest.slice(index) };
    model = applied(model, again);
    // It may have happened already, each time that it was sent.
    if (operation.kind === 'advance') model = { ...model, groupEpoch: result.value as number };
  }
  return { ...NOTHING_YET, model };
}

/** Repeats get their first answers, and retired producers none. False when the power went. @throws Violation */
async function checkRepeats(machine: Machine, log: BrokerLog, model: Model): Promise<boolean> {
  for (const { operation, baseOffset } of model.produced) {
    const answer = await settled(machine, perform(log, operation)).catch(codeOf);
    if (answer === undefined) return false;
    const isFirst = typeof answer === 'object' && answer !== null && 'duplicate' in answer && 'baseOffset' in answer;
    if (!isFirst || answer.duplicate !== true || answer.baseOffset !== baseOffset) {
      throw new Violation(`a repeat at ${operation.topic} ${baseOffset} is answered ${JSON.stringify(answer)}`);
    }
  }
  for (const [id, { epoch }] of model.producers) {
    if (epoch === 0) continue;
    const late: Operation = {
      kind: 'produce',
      topic: 'late',
      messages: ['late'],
      stamp: { id, epoch: epoch - 1, sequence: 0 },
    };
    const answer = await settled(machine, perform(log, late)).catch(codeOf);
    if (answer === undefined) return false;
    if (answer !== 'FENCED') throw new Violation(`a producer that has retired is answered ${JSON.stringify(answer)}`);
  }
  return true;
}
