// What leaves over one connection.
//
// Guarantees: everything sent while one turn of the event loop runs goes out in as few system calls as possible.
// `isBlocked` asks the callers to hold further bytes back: what a slow reader costs is what they send regardless.

import type { Clock, Socket } from '@pulses/shared-ports';
import { createDeadline } from './deadline';

export interface Outbox {
  /** True from the moment the system takes no more until everything has left. */
  readonly isBlocked: boolean;
  /** Sends the parts back to back; they must not change afterwards. Does nothing once the connection is closed. */
  send(parts: readonly Uint8Array[]): void;
  /** Hands everything to the system now. */
  flush(): void;
  /** The socket has drained. */
  onDrain(): void;
  /** The socket is gone. */
  close(): void;
}

/** @param onSlow called when the peer has taken nothing for `slowMs`, once each time */
export function createOutbox(socket: Socket, clock: Clock, slowMs: number, onSlow: () => void): Outbox {
  let isBlocked = false;
  let isCorked = false;
  let isClosed = false;
  const slow = createDeadline(clock, slowMs, onSlow);

  const uncork = (): void => {
    if (!isCorked) return;
    isCorked = false;
    if (!isClosed) socket.uncork();
  };

  return {
    get isBlocked() {
      return isBlocked;
    },
    send: (parts) => {
      if (isClosed) return;
      if (!isCorked) {
        isCorked = true;
        socket.cork();
        // Runs once the promises settled in this turn have been heard: the answers to all requests of one group.
        process.nextTick(uncork);
      }
      let accepted = true;
      for (const part of parts) accepted = socket.write(part);
      if (!accepted && !isBlocked) {
        isBlocked = true;
        slow.start();
      }
    },
    flush: uncork,
    onDrain: () => {
      isBlocked = false;
      slow.stop();
    },
    close: () => {
      isClosed = true;
      slow.dispose();
    },
  };
}
