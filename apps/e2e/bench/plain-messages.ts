// Messages of the plainest pipeline: a length of 32 bits, then so many bytes, and nothing to check them by.

import type { Socket } from 'node:net';

const LENGTH_BYTES = 4;

/** What a connection says first: who it is. */
export const PLAIN_ROLES = { producer: 1, reader: 2, committer: 3, watcher: 4 } as const;
/** Each message that is stored is answered by one. */
export const ACKNOWLEDGEMENT = Buffer.from([6]);

/** Before the lines of each tenant in what a committer sends: the tenant's number, and their bytes. */
export const SECTION_HEADER_BYTES = 8;

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
