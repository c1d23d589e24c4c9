// The original's programs, as plain sockets: no code of Pulses.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Sends text on a new connection, ends it, and waits until the broker has closed its side too. */
export async function sendText(port: number, text: string | Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const received: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  const closed = once(socket, 'close');
  socket.end(text);
  await closed;
  return Buffer.concat(received).toString();
}

/** Publishes messages as the original's sink connector does. */
export async function publishLines(port: number, topic: string, lines: readonly string[]): Promise<void> {
  await sendText(port, [`sink-connector_${topic}`, ...lines, ''].join('\n'));
}

/** A subscriber as the original's source connector is one. */
export interface Subscription {
  /** Resolves to all lines received so far, once `enough` says so. */
  until(enough: (lines: readonly string[]) => boolean): Promise<string[]>;
  close(): void;
}

export function subscribe(port: number, topic: string): Subscription {
  const socket: Socket = connect(port, '127.0.0.1');
  socket.write(`source-connector_${topic}\n`);
  const lines: string[] = [];
  let rest = Buffer.alloc(0);
  let wake: () => void = () => undefined;
  let ended = false;
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      lines.push(rest.subarray(0, end).toString());
      rest = rest.subarray(end + 1);
    }
    wake();
  });
  socket.on('error', () => undefined);
  socket.on('close', () => {
    ended = true;
    wake();
  });
  return {
    async until(enough) {
      while (!enough(lines)) {
        if (ended) throw new Error(`the broker closed ${topic} after ${lines.length} lines`);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return [...lines];
    },
    close() {
      socket.destroy();
    },
  };
}

/** Reads a topic until `count` lines have come. */
export async function readLines(port: number, topic: string, count: number): Promise<string[]> {
  const subscription = subscribe(port, topic);
  try {
    return await subscription.until((lines) => lines.length >= count);
  } finally {
    subscription.close();
  }
}
