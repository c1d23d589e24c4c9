// The log under the suite of its interface, over any file system.

import { PulsesError } from '@pulses/shared-errors';
import type { BrokerLog } from '@pulses/broker-log-api';
import type { FileHandle, FileSystem, OpenMode } from '@pulses/shared-ports';
import type { BrokerLogHarness, BrokerLogLimits } from '@pulses/testing-broker-log-conformance';
import type { SegmentLogOptions } from '../options';

/** A disk whose syncs can be held, and whose writes can fail. */
export class ControlledDisk {
  readonly fileSystem: FileSystem;
  #hold: PromiseWithResolvers<void> | undefined;
  #onHeld: (() => void) | undefined;
  #heldCalls = 0;
  #failure: 'ENOSPC' | 'EIO' | undefined;

  constructor(real: FileSystem) {
    this.fileSystem = { ...real, open: async (path, mode) => this.#controlled(await real.open(path, mode), mode) };
  }

  hold(): void {
    this.#hold ??= Promise.withResolvers();
  }

  release(): void {
    this.#hold?.resolve();
    this.#hold = undefined;
  }

  /** Resolves when a sync waits for `release`. */
  async held(): Promise<void> {
    if (this.#heldCalls > 0) return;
    await new Promise<void>((resolve) => {
      this.#onHeld = resolve;
    });
  }

  fail(failure: 'ENOSPC' | 'EIO' | undefined): void {
    this.#failure = failure;
  }

  #controlled(handle: FileHandle, mode: OpenMode): FileHandle {
    const isWrittenThrough = mode === 'write-through';
    return {
      ...handle,
      write: async (bytes, position) => {
        this.#check();
        if (isWrittenThrough) await this.#passed();
        return await handle.write(bytes, position);
      },
      writev: async (buffers, position) => {
        this.#check();
        if (isWrittenThrough) await this.#passed();
        return await handle.writev(buffers, position);
      },
      datasync: async () => {
        if (this.#failure === 'EIO') this.#check();
        await this.#passed();
        await handle.datasync();
      },
    };
  }

  /** Waits while the disk is held. */
  async #passed(): Promise<void> {
    if (this.#hold === undefined) return;
    this.#heldCalls += 1;
    this.#onHeld?.();
    await this.#hold.promise;
    this.#heldCalls -= 1;
  }

  #check(): void {
    if (this.#failure === undefined) return;
    throw Object.assign(new Error(`${this.#failure}: made up`), { code: this.#failure });
  }
}

export interface LogUnderTest {
  readonly disk: ControlledDisk;
  setClock(ms: number): void;
  open(options: Partial<SegmentLogOptions>): Promise<BrokerLog>;
  /** Lets background work run for a while. */
  pass(): Promise<void>;
  /** Waits for a call that needs time to pass. */
  waitFor(call: Promise<void>): Promise<void>;
  remove(): Promise<void>;
}

const PASSES_MAX = 1_000;

export async function conformanceHarness(
  under: LogUnderTest,
  options: Partial<SegmentLogOptions>,
  limits: BrokerLogLimits = {},
): Promise<BrokerLogHarness> {
  const { disk } = under;
  const open = (): Promise<BrokerLog> => under.open({ ...options, ...limits });
  let log = await open();
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    disk.release();
    await under.waitFor(log.close());
    await under.remove();
  };
  return {
    get log() {
      return log;
    },
    setClock: under.setClock,
    settle: async () => {
      for (let passes = 0; passes < PASSES_MAX; passes += 1) {
        await under.pass();
        if (log.unsealedBytes === 0) return;
      }
      throw new PulsesError('OVERLOADED', 'the background work does not end');
    },
    holdDisk: () => {
      disk.hold();
    },
    releaseDisk: () => {
      disk.release();
    },
    atDisk: () => disk.held(),
    setDiskFull: (isFull) => {
      disk.fail(isFull ? 'ENOSPC' : undefined);
    },
    breakDisk: () => {
      disk.fail('EIO');
    },
    restart: async () => {
      await under.waitFor(log.close());
      log = await open();
      return log;
    },
    close: () => (closed ??= close()),
  };
}
