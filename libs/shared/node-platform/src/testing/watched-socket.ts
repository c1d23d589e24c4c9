// A socket whose handlers record their calls.

import type { Socket } from '@pulses/shared-ports';

export interface WatchedSocket {
  readonly socket: Socket;
  readonly received: Buffer;
  /** Names of the calls so far, repeated ones once: `data`, `drain`, `end`, `close`. */
  readonly heard: readonly string[];
  readonly ended: Promise<void>;
  /** Resolves to the error that the connection broke with, if any. */
  readonly closed: Promise<Error | undefined>;
  readonly drained: Promise<void>;
  /** Resolves once `bytes` bytes have come. */
  untilReceived(bytes: number): Promise<void>;
}

export function watch(socket: Socket, onData?: (bytes: Uint8Array) => void): WatchedSocket {
  const chunks: Uint8Array[] = [];
  const heard: string[] = [];
  const waiting = new Set<() => void>();
  let receivedBytes = 0;
  const [ended, closed, drained] = [
    Promise.withResolvers<void>(),
    Promise.withResolvers<Error | undefined>(),
    Promise.withResolvers<void>(),
  ];
  const hear = (what: string) => {
    if (heard.at(-1) !== what) heard.push(what);
  };
  socket.handle({
    onData: (bytes) => {
      hear('data');
      chunks.push(bytes);
      receivedBytes += bytes.byteLength;
      onData?.(bytes);
      for (const look of waiting) look();
    },
    onDrain: () => {
      hear('drain');
      drained.resolve();
    },
    onEnd: () => {
      hear('end');
      ended.resolve();
    },
    onClose: (error) => {
      heard.push('close');
      closed.resolve(error);
    },
  });
  return {
    socket,
    get received() {
      return Buffer.concat(chunks);
    },
    heard,
    ended: ended.promise,
    closed: closed.promise,
    drained: drained.promise,
    untilReceived: (bytes) =>
      new Promise((resolve) => {
        const look = () => {
          if (receivedBytes < bytes) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
  };
}
