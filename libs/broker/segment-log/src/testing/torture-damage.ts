// A stopped log whose files are damaged, and what may come of it.

import { createSimFileSystem, createSimRandom, type SimFileSystem } from '@pulses/testing-sim';
import type { Random } from '@pulses/shared-ports';
import { isPulsesError } from '@pulses/shared-errors';
import type { BrokerLog } from '@pulses/broker-log-api';
import type { SegmentLogOptions } from '../options';
import { differenceOf, observe, Violation } from './torture-checks';
import { NOTHING_YET, type Wrap } from './torture-lives';
import type { Model } from './torture-model';
import { DIRECTORY, machineOn, openOn, runOperations, settled, TORTURE_OPTIONS, type Machine } from './torture-run';

export interface Stopped {
  readonly disk: SimFileSystem;
  readonly model: Model;
  /** The states that damage to the last frame, which nothing attests, may leave too. */
  readonly before: readonly Model[];
}

const PLACE = /\/data\/\S+ is damaged at byte \d+: .*pulses repair/;

/** A log after some operations: stopped cleanly, or killed. */
export async function stoppedLog(
  seed: number,
  how: { steps: number; isClean: boolean; options?: Partial<SegmentLogOptions> },
): Promise<Stopped> {
  const machine = machineOn(createSimFileSystem({ seed, pageBytes: 512 }), createSimRandom(seed));
  const options = { ...TORTURE_OPTIONS, ...how.options };
  const log = await openOn(machine, { options });
  if (log === undefined) throw new Violation('the log does not open');
  // One at a time, so that the last frame is one operation.
  let { model } = NOTHING_YET;
  const before: Model[] = [];
  for (let step = 0; step < how.steps; step += 1) {
    before.push(model);
    ({ model } = await runOperations({ machine, log, model, steps: 1, togetherMax: 1 }));
  }
  if (how.isClean) await settled(machine, log.close());
  return { disk: machine.fileSystem.fork(), model, before };
}

/** @returns what was found: a report of the damage, or everything as it was, or a state of `before` */
export async function openDamaged(
  disk: SimFileSystem,
  { model, before }: Stopped,
  wrap: Wrap = (same) => same,
): Promise<'reported' | 'whole' | 'shorter'> {
  const machine = machineOn(disk, createSimRandom(1), 1_700_000_900_000);
  let log: BrokerLog | undefined;
  try {
    log = await openOn(machine, { fileSystem: wrap(disk) });
    return await readDamaged(machine, log, model, before);
  } catch (error) {
    checkReport(error);
    return 'reported';
  } finally {
    if (log !== undefined)
      await settled(
        machine,
        log.close().catch(() => undefined),
      );
  }
}

async function readDamaged(
  machine: Machine,
  log: BrokerLog | undefined,
  model: Model,
  before: readonly Model[],
): Promise<'whole' | 'shorter'> {
  const observed = log === undefined ? undefined : await settled(machine, observe(log));
  if (observed === undefined) throw new Violation('the log does not open');
  const difference = differenceOf(model, observed);
  if (difference === undefined) return 'whole';
  if (before.some((earlier) => differenceOf(earlier, observed) === undefined)) return 'shorter';
  throw new Violation(`damage is served: ${difference}`);
}

/** @throws Violation unless the error names file, byte and what to do */
function checkReport(error: unknown): void {
  if (isPulsesError(error, 'JOURNAL_CORRUPT') && PLACE.test(error.message)) return;
  throw error instanceof Violation ? error : new Violation(`damage is reported as ${String(error)}`);
}

/** Files of the journal, in order. */
export function segmentsOf(disk: SimFileSystem): string[] {
  return disk.files().filter((path) => path.startsWith(`${DIRECTORY}/journal/`) && path.endsWith('.journal'));
}

export function damaged(disk: SimFileSystem, path: string, change: (bytes: Uint8Array) => Uint8Array): SimFileSystem {
  const copy = disk.fork();
  copy.replaceBytes(path, change(disk.bytesOf(path)));
  return copy;
}

export function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  bytes[bit >>> 3]! ^= 1 << (bit & 7); // below the length
  return bytes;
}

export type PageDamage = 'zeroed' | 'duplicated' | 'swapped' | 'cut out';

/** Does something to pages of the file. */
export function damagePages(bytes: Uint8Array, random: Random, kind: PageDamage): Uint8Array {
  const pageBytes = [64, 256, 512][Math.floor(random.fraction() * 3)]!; // below the length
  const pages = Math.ceil(bytes.length / pageBytes);
  const page = (index: number): Uint8Array => bytes.slice(index * pageBytes, (index + 1) * pageBytes);
  const first = Math.floor(random.fraction() * pages);
  const second = Math.floor(random.fraction() * pages);
  const changed = bytes.slice();
  switch (kind) {
    case 'zeroed':
      changed.fill(0, first * pageBytes, (first + 1) * pageBytes);
      return changed;
    case 'duplicated':
      changed.set(page(first).subarray(0, bytes.length - second * pageBytes), second * pageBytes);
      return changed;
    case 'swapped':
      changed.set(page(first).subarray(0, bytes.length - second * pageBytes), second * pageBytes);
      changed.set(page(second).subarray(0, bytes.length - first * pageBytes), first * pageBytes);
      return changed;
    case 'cut out':
      return Buffer.concat([bytes.subarray(0, first * pageBytes), bytes.subarray((first + 1) * pageBytes)]);
  }
}
