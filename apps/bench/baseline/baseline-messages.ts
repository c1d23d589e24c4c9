// Messages of the baseline pipeline: a 32-bit length and the bytes, without a checksum.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const LENGTH_BYTES = 4;

/** The first byte of a connection: its role. */
export const BASELINE_ROLES = { producer: 1, reader: 2, committer: 3, watcher: 4 } as const;
/** The answer to each stored message. */
export const ACKNOWLEDGEMENT = Buffer.from([6]);
/** Ends each pulse and each grouped line. */
export const LINE_FEED = 0x0a;

export async function joinBroker(port: number, role: keyof typeof BASELINE_ROLES): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  socket.write(Buffer.from([BASELINE_ROLES[role]]));
  return socket;
}

/** A committer's message has sections, one for each tenant: tenant number, length, lines. */
export const SECTION_HEADER_BYTES = 8;

/** Visits the sections of a committer's message; the lines are `message[start, end)`. */
export function forEachSection(message: Buffer, use: (tenant: number, start: number, end: number) => void): void {
  for (let at = 0; at < message.byteLength;) {
    const start = at + SECTION_HEADER_BYTES;
    const end = start + message.readUInt32LE(at + 4);
    use(message.readUInt32LE(at), start, end);
    at = end;
  }
}

export function sendMessage(socket: Socket, payload: Uint8Array): void {
  const length = Buffer.allocUnsafe(LENGTH_BYTES);
  length.writeUInt32LE(payload.byteLength);
  socket.cork();
  socket.write(length);
  socket.write(payload);
  socket.uncork();
}

/** Takes bytes of a stream, returns the complete messages. */
export function createMessageReader(): (chunk: Buffer) => Buffer[] {
  let chunks: Buffer[] = [];
  let heldBytes = 0;
  let wantedBytes = LENGTH_BYTES;
  return (chunk) => {
    const messages: Buffer[] = [];
    chunks.push(chunk);
    heldBytes += chunk.byteLength;
    while (heldBytes >= wantedBytes) {
      const all = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
      chunks = [all];
      const end = LENGTH_BYTES + all.readUInt32LE(0);
      wantedBytes = end;
      if (heldBytes < end) break;
      messages.push(all.subarray(LENGTH_BYTES, end));
      chunks = [all.subarray(end)];
      heldBytes -= end;
      wantedBytes = LENGTH_BYTES;
    }
    return messages;
  };
}
