// A network without a system below it: what one side writes is the other side's next call.
//
// Guarantees: bytes arrive in the order written, also when the server pauses. A closed side gets `onClose` once. It serves
// tests with thousands of connections, where a simulated network would be most of the work.

import { createFrameAssembler, decodeResponse, type Response } from '@pulses/broker-wire';
import type { Network, Socket, SocketHandlers } from '@pulses/shared-ports';

export interface DirectClient {
  /** Hands bytes to the server; does nothing once the connection is over. */
  deliver(bytes: Uint8Array): void;
  /** Ends the client's side. */
  end(): void;
  /** What the server has answered since the last call, by the order of answers. @throws when it is no valid stream of frames */
  take(): { readonly correlation: number; readonly response: Response }[];
  /** The server has ended or dropped the connection. */
  readonly isOver: boolean;
}

export interface DirectNetwork extends Network {
  dial(): DirectClient;
}

export function createDirectNetwork(): DirectNetwork {
  let accept: ((socket: Socket) => void) | undefined;
  return {
    listen: (_address, onConnection) => {
      accept = onConnection;
      return Promise.resolve({ port: 1, close: () => Promise.resolve() });
    },
    connect: () => Promise.reject(new TypeError('this network is dialled')),
    dial: () => {
      if (accept === undefined) throw new TypeError('no server listens');
      const { socket, client } = createPair();
      accept(socket);
      return client;
    },
  };
}

function createPair(): { socket: Socket; client: DirectClient } {
  const assembler = createFrameAssembler();
  let handlers: SocketHandlers | undefined;
  let written: Uint8Array[] = [];
  const waiting: Uint8Array[] = [];
  let isPaused = false;
  let clientEnd: 'open' | 'asked' | 'told' = 'open';
  let isOver = false;
  let hasClosed = false;

  const close = (): void => {
    isOver = true;
    // Not within the server's own call.
    process.nextTick(() => {
      if (hasClosed) return;
      hasClosed = true;
      handlers?.onClose();
    });
  };

  const pump = (): void => {
    while (!isPaused && !isOver) {
      const bytes = waiting.shift();
      if (bytes === undefined) break;
      handlers?.onData(bytes);
    }
    if (clientEnd !== 'asked' || waiting.length > 0 || isPaused || isOver) return;
    clientEnd = 'told';
    handlers?.onEnd();
  };

  return {
    socket: {
      peer: 'direct',
      bufferedBytes: 0,
      handle: (given) => {
        handlers = given;
      },
      write: (bytes) => {
        if (isOver) return false;
        written.push(bytes);
        return true;
      },
      cork: () => undefined,
      uncork: () => undefined,
      pause: () => {
        isPaused = true;
      },
      resume: () => {
        isPaused = false;
        process.nextTick(pump);
      },
      // A client that hears the end ends too.
      end: close,
      destroy: close,
    },
    client: {
      deliver: (bytes) => {
        if (isOver) return;
        waiting.push(bytes);
        pump();
      },
      end: () => {
        if (clientEnd === 'open') clientEnd = 'asked';
        pump();
      },
      take: () => {
        const frames = written.flatMap((bytes) => assembler.push(bytes));
        written = [];
        return frames.map((frame) => ({ correlation: frame.correlation, response: decodeResponse(frame) }));
      },
      get isOver() {
        return isOver;
      },
    },
  };
}
