// A script of operations in which one call of the file system fails, once or for ever.

import { createSimFileSystem, createSimRandom, type FileCall, type FileFault } from '@pulses/testing-sim';
import type { BrokerLog } from '@pulses/broker-log-api';
import type { SegmentLogOptions } from '../options';
import { Violation } from './torture-checks';
import { finish, NOTHING_YET } from './torture-lives';
import {
  checkAgainst,
  codeOf,
  machineOn,
  openOn,
  runOperations,
  settled,
  TORTURE_OPTIONS,
  type Books,
  type Machine,
} from './torture-run';

const SEED = 3;
const STEPS = 30;
const TOGETHER_MAX = 60;

/** A few checkpoints and segments in all, so that the script is made of few calls. */
const OPTIONS: Partial<SegmentLogOptions> = {
  ...TORTURE_OPTIONS,
  groupBytesMax: 8_000,
  segmentBytesMax: 6_000,
  unsealedBytesMax: 16_000,
  retentionIntervalMs: 150,
  openFilesMax: 40,
};

/** Which calls can fail how, on a real system. */
const CALLS_OF: Readonly<Record<FileFault['kind'], readonly FileCall[]>> = {
  EIO: [
    'write',
    'read',
    'datasync',
    'truncate',
    'size',
    'open',
    'create',
    'makeDirectory',
    'list',
    'rename',
    'remove',
    'removeDirectory',
    'syncDirectory',
    'close',
  ],
  ENOSPC: ['write', 'create', 'makeDirectory', 'rename', 'datasync'],
  EDQUOT: ['write', 'create', 'makeDirectory', 'rename', 'datasync'],
  EMFILE: ['open', 'create', 'list', 'syncDirectory'],
  short: ['write'],
};

const EXPECTED_REFUSALS = ['STORAGE_FULL', 'OVERLOADED'];
/** What a request gets that builds on a refused one. */
const FOLLOWING_REFUSALS = ['OFFSET_OUT_OF_RANGE', 'POSITION_CONFLICT', 'FENCED', 'SEQUENCE_GAP'];

function start(): Machine {
  return machineOn(createSimFileSystem({ seed: SEED, pageBytes: 512 }), createSimRandom(SEED));
}

/** Every fault of every call of the script, of EDQUOT at every `quotaFaultEvery`th. */
export async function faultsOfScript(quotaFaultEvery: number): Promise<{ faults: FileFault[]; operations: number }> {
  const machine = start();
  const log = await openOn(machine, { options: OPTIONS });
  if (log === undefined) throw new Violation('the log does not open');
  const { model } = await runOperations({
    machine,
    log,
    model: NOTHING_YET.model,
    steps: STEPS,
    togetherMax: TOGETHER_MAX,
  });
  await settled(machine, log.close());
  const kinds = Object.keys(CALLS_OF) as FileFault['kind'][];
  const faults = machine.fileSystem.trace.flatMap((call, index) =>
    kinds
      .filter((kind) => CALLS_OF[kind].includes(call) && (kind !== 'EDQUOT' || index % quotaFaultEvery === 0))
      .flatMap((kind) => {
        const fault = { call: index + 1, kind, only: CALLS_OF[kind] };
        return [
          { ...fault, isForEver: false },
          { ...fault, isForEver: true, only: [call] },
        ];
      }),
  );
  return { faults, operations: model.count };
}

/** @throws Violation */
export async function runWithFault(fault: FileFault): Promise<void> {
  const machine = start();
  const { fileSystem } = machine;
  fileSystem.setFault(fault);
  const log = await openOn(machine, { options: OPTIONS }).catch((error: unknown) => {
    if (typeof error !== 'object' || error === null || !('code' in error))
      throw new Violation(`opening fails: ${String(error)}`);
    return undefined;
  });
  const books = log === undefined ? NOTHING_YET : await runOpened(machine, log, fault);
  fileSystem.setFault(undefined);
  // Every other time the machine stops with the process.
  const disk = fault.call % 2 === 0 ? fileSystem.fork(fault.call) : fileSystem.afterPowerCut(fault.call);
  await finish(disk, machineOn(disk, machine.random, machine.clock.nowMs()), books, (same) => same);
}

async function runOpened(machine: Machine, log: BrokerLog, fault: FileFault): Promise<Books> {
  const { fileSystem, clock } = machine;
  let books = await runOperations({ machine, log, model: NOTHING_YET.model, steps: STEPS, togetherMax: TOGETHER_MAX });
  await clock.advance(300);
  checkRefusals(books, fault);
  if (books.failure === undefined && books.open.length > 0) throw new Violation('calls are not answered');
  // The numbers of calls are those of a run that closes where this one waits.
  const isOfSyncs = fault.isForEver && fault.only?.includes('datasync') === true;
  const mayFail = fault.kind === 'EIO' || isOfSyncs || fileSystem.trace[fault.call - 1] === 'datasync';
  if (books.failure !== undefined && !mayFail) throw new Violation(`the log gives up: ${String(books.failure)}`);
  if (books.failure === undefined) {
    await checkAgainst(machine, log, books.model);
    fileSystem.setFault(undefined);
    await clock.advance(600);
    const later = await runOperations({ machine, log, model: books.model, steps: 4 });
    if (later.refusals.length > 0) throw new Violation(`refused after the fault is over: ${later.refusals.join()}`);
    if (later.failure !== undefined && !mayFail)
      throw new Violation(`the log gives up later: ${String(later.failure)}`);
    books = later;
  }
  if (fault.call % 3 === 0) await settled(machine, log.close().catch(codeOf));
  return books;
}

function checkRefusals({ refusals }: Books, { kind }: FileFault): void {
  if (refusals.length === 0) return;
  if (kind === 'short') throw new Violation(`refused after a short write: ${refusals.join()}`);
  const isExplained = EXPECTED_REFUSALS.some((code) => refusals.includes(code));
  const other = refusals.find((code) => !EXPECTED_REFUSALS.includes(code) && !FOLLOWING_REFUSALS.includes(code));
  if (!isExplained || other !== undefined) throw new Violation(`refused: ${refusals.join()}`);
}
