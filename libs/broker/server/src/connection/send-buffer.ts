// Send buffer: the bytes that leave over one connection.
//
// Guarantees: bytes sent within one tick of the event loop leave in as few system calls as possible. `isBlocked` is
// back-pressure: callers then hold further bytes back. A slow consumer costs only what callers send regardless.

import type { Clock, Socket } from '@pulses/shared-ports';
import { createDeadline, type Deadline } from '../limits/deadline';

export interface SendBuffer {
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
export function createSendBuffer(socket: Socket, clock: Clock, slowMs: number, onSlow: () => void): SendBuffer {
  return new CorkedSendBuffer(socket, createDeadline(clock, slowMs, onSlow));
}

class CorkedSendBuffer implements SendBuffer {
  isBlocked = false;
  private isCorked = false;
  private isClosed = false;

  constructor(
    private readonly socket: Socket,
    private readonly slow: Deadline,
  ) {}

  send(parts: readonly Uint8Array[]): void {
    if (this.isClosed) return;
    if (!this.isCorked) {
      this.isCorked = true;
      this.socket.cork();
      // Runs after the callbacks of this tick's promises: the answers to all requests of one group commit.
      process.nextTick(flush, this);
    }
    let accepted = true;
    for (const part of parts) accepted = this.socket.write(part);
    if (!accepted && !this.isBlocked) {
      this.isBlocked = true;
      this.slow.start();
    }
  }

  flush(): void {
    if (!this.isCorked) return;
    this.isCorked = false;
    if (!this.isClosed) this.socket.uncork();
  }

  onDrain(): void {
    this.isBlocked = false;
    this.slow.stop();
  }

  close(): void {
    this.isClosed = true;
    this.slow.dispose();
  }
}

function flush(sendBuffer: SendBuffer): void {
  sendBuffer.flush();
}
