// A connection to Redis, for a bench: commands in their order, replies in theirs.

import { once } from 'node:events';
import { connect } from 'node:net';

export type Reply = string | number | null | readonly Reply[];

export interface RespLink {
  /** Sends commands at once; resolves to their replies. @throws Error when one of them is an error */
  send(commands: readonly (readonly string[])[]): Promise<Reply[]>;
  close(): void;
}

interface Waiting {
  readonly replies: Reply[];
  readonly count: number;
  resolve(replies: Reply[]): void;
  reject(error: Error): void;
}

export async function openRespLink(port: number): Promise<RespLink> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  const waiting: Waiting[] = [];
  let rest: Buffer = Buffer.alloc(0);
  const fail = (error: Error) => {
    for (const { reject } of waiting.splice(0)) reject(error);
  };
  socket.on('error', fail);
  socket.on('close', () => {
    fail(new Error('Redis has closed the connection'));
  });
  socket.on('data', (chunk: Buffer) => {
    rest = rest.byteLength === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    try {
      for (let read = readReply(rest, at); read !== undefined; read = readReply(rest, at)) {
        at = read.end;
        const [first] = waiting;
        if (first === undefined) throw new Error('Redis answers without being asked');
        first.replies.push(read.reply);
        if (first.replies.length === first.count) waiting.shift()?.resolve(first.replies);
      }
    } catch (error) {
      fail(error as Error);
      socket.destroy();
    }
    rest = rest.subarray(at);
  });
  return {
    send: (commands) =>
      new Promise((resolve, reject) => {
        waiting.push({ replies: [], count: commands.length, resolve, reject });
        socket.write(commands.map(textOf).join(''));
      }),
    close() {
      socket.destroy();
    },
  };
}

const textOf = (command: readonly string[]) =>
  `*${command.length}\r\n${command.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;

/** Undefined until all of a reply is there. @throws Error for an error of Redis */
function readReply(bytes: Buffer, start: number): { reply: Reply; end: number } | undefined {
  const lineEnd = bytes.indexOf('\r\n', start);
  if (lineEnd < 0) return undefined;
  const [kind, text] = [String.fromCharCode(bytes[start] as number), bytes.toString('utf8', start + 1, lineEnd)];
  let end = lineEnd + 2;
  switch (kind) {
    case '+':
      return { reply: text, end };
    case ':':
      return { reply: Number(text), end };
    case '$': {
      const length = Number(text);
      if (length < 0) return { reply: null, end };
      if (bytes.byteLength < end + length + 2) return undefined;
      return { reply: bytes.toString('utf8', end, end + length), end: end + length + 2 };
    }
    case '*': {
      const items: Reply[] = [];
      for (let missing = Number(text); missing > 0; missing -= 1) {
        const item = readReply(bytes, end);
        if (item === undefined) return undefined;
        items.push(item.reply);
        end = item.end;
      }
      return { reply: Number(text) < 0 ? null : items, end };
    }
    default:
      throw new Error(`Redis answers ${kind}${text}`);
  }
}
