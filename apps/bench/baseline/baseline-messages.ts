// Messages of the plainest pipeline: a length of 32 bits, then so many bytes, and nothing to check them by.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const LENGTH_BYTES = 4;

/** What a connection says first: who it is. */
export const BASELINE_ROLES = { producer: 1, reader: 2, committer: 3, watcher: 4 } as const;
/** Each message that is stored is answered by one. */
export const ACKNOWLEDGEMENT = Buffer.from([6]);
/** Ends each pulse, and each grouped line. */
export const LINE_FEED = 0x0a;

export async function joinBroker(port: number, role: keyof typeof BASELINE_ROLES): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  socket.write(Buffer.from([BASELINE_ROLES[role]]));
  return socket;
}

/** Before the lines of each tenant in what a committer sends: the tenant's number, and their bytes. */
export const SECTION_HEADER_BYTES = 8;

/** What a committer has sent, tenant by tenant: its lines are `message[start, end)`. */
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

/** Takes bytes of a stream, answers the messages that are whole. */
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
