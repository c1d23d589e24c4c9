// Refuses an accepted connection with the reason, in the protocol that its client speaks.
//
// Guarantees: a client that sends its opening within `lingerMs` gets the reason, and as long again to read it. Of a
// refused client nothing is kept beyond its opening.

import { createOpeningReader, encodeResponse } from '@pulses/broker-wire';
import type { PulsesError } from '@pulses/shared-errors';
import type { Clock, Socket } from '@pulses/shared-ports';
import { createDeadline } from '../limits/deadline';

/** @param onGone called once the socket is closed */
export function refuseConnection(
  { clock, lingerMs }: { readonly clock: Clock; readonly lingerMs: number },
  socket: Socket,
  error: PulsesError,
  onGone: () => void,
): void {
  const opening = createOpeningReader();
  let hasAnswered = false;
  const deadline = createDeadline(clock, lingerMs, () => {
    socket.destroy();
  });

  const answer = (parts: readonly Uint8Array[]): void => {
    hasAnswered = true;
    for (const part of parts) socket.write(part);
    // What the client still sends is read and discarded: unread bytes would turn the answer into a reset.
    socket.end();
    deadline.start();
  };

  socket.handle({
    onData: (bytes) => {
      if (hasAnswered) return;
      const { kind } = opening.push(bytes);
      if (kind === 'incomplete') return;
      const { code, message } = error;
      if (kind === 'binary') answer(encodeResponse(0, { type: 'error', code, message }));
      else answer([Buffer.from(`${code}: ${message}\n`)]);
    },
    onDrain: () => undefined,
    onEnd: () => {
      if (!hasAnswered) socket.destroy();
    },
    onClose: () => {
      deadline.dispose();
      onGone();
    },
  });
  deadline.start();
}
