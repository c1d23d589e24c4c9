// What the suite needs of a log under test.

import type { BrokerLog } from '@pulses/broker-log-api';

/** Limits that the suite sets low, to reach them. What is left out has the log's default. */
export interface BrokerLogLimits {
  readonly pendingBytesMax?: number;
  readonly topicsMax?: number;
  readonly producersMax?: number;
  readonly groupsMax?: number;
  readonly positionsMax?: number;
  readonly positionsPerTopicMax?: number;
}

/** What an implementation declares. A scenario is left out only through this. */
export interface BrokerLogSupports {
  /** `restart` opens the log again over what it stored. */
  readonly restart: boolean;
}

/** One open log over an empty store, with a clock and a disk that the suite controls. */
export interface BrokerLogHarness {
  /** The log that is open now; another one after `restart`. */
  readonly log: BrokerLog;
  /** Sets the wall clock, in either direction. */
  setClock(ms: number): void;
  /** Resolves when background work has ended, so that reads no longer come from the write path's memory. */
  settle(): Promise<void>;
  /** From now on nothing becomes durable, until `releaseDisk`. */
  holdDisk(): void;
  releaseDisk(): void;
  /** Resolves when a change waits for the held disk and all else has run. */
  atDisk(): Promise<void>;
  /** A full disk takes no more bytes; what is stored stays readable. */
  setDiskFull(isFull: boolean): void;
  /** From now on every write and sync fails. */
  breakDisk(): void;
  /** Closes the log and opens it again. Only called where `supports.restart`. */
  restart(): Promise<BrokerLog>;
  /** Closes the log and removes what it stored. Called again, it does nothing more. */
  close(): Promise<void>;
}

export type BrokerLogFactory = (limits?: BrokerLogLimits) => Promise<BrokerLogHarness>;
