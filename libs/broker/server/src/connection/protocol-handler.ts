// What a connection and the protocol on it call on each other.
//
// Order: `onClose` is the last call of a handler. Calls never overlap.

import type { RefusalReason } from '../observer';
import type { Opening } from '../limits/opening-queue';
import type { SendBuffer } from './send-buffer';

/** One protocol on one connection. */
export interface ProtocolHandler {
  onData(bytes: Uint8Array): void;
  onDrain(): void;
  /** The client has ended its side. */
  onEnd(): void;
  /** The socket is gone. */
  onClose(): void;
  /** The server stops: finish what was accepted, then call `finish`. */
  onServerClosing(): void;
}

/** What a handler may do with its connection. */
export interface Connection {
  readonly peer: string;
  readonly sendBuffer: SendBuffer;
  readonly opening: Pick<Opening, 'penalize' | 'isResting'>;
  readonly pause: () => void;
  readonly resume: () => void;
  /** Ends the opening; its time limit no longer counts. */
  readonly opened: () => void;
  /** Sends what is queued, then ends; further bytes of the client are discarded. */
  readonly finish: () => void;
  /** Drops the connection with everything queued. */
  readonly destroy: () => void;
  /** Counts and logs the reason of a rejection; does not close. */
  readonly refused: (reason: RefusalReason, error: Error) => void;
  /** Ends the connection after an unexpected error. */
  readonly crashed: (error: unknown) => void;
}
