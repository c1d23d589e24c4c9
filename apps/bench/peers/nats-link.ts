// A connection to a NATS server, for a bench: publish, subscribe, and publish with an acknowledgement.

import { once } from 'node:events';
import { connect } from 'node:net';

export interface NatsMessage {
  readonly reply: string;
  readonly text: string;
  /** True for what the server says about a request, as that there is nothing to be had now. */
  readonly isStatus: boolean;
}

export interface NatsLink {
  publish(subject: string, text: string): void;
  /** Publishes; resolves to the answer. @throws Error when the answer tells of one */
  request(subject: string, text: string): Promise<string>;
  /** Asks for messages, which come one by one; one call at a time. */
  pull(subject: string, text: string, onMessage: (message: NatsMessage) => void): void;
  close(): void;
}

const INBOX = '_INBOX.bench';
const PULLED_ID = '2';

export async function openNatsLink(port: number): Promise<NatsLink> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  const takers = new Map<string, { take(message: NatsMessage): void; reject(error: Error): void }>();
  const inbox = `${INBOX}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  const pulled = `${inbox}-pulled`;
  let takePulled: (message: NatsMessage) => void = () => undefined;
  let lastReply = 0;
  let rest: Buffer = Buffer.alloc(0);
  const fail = (error: Error) => {
    for (const { reject } of takers.values()) reject(error);
    takers.clear();
  };
  const write = (subject: string, reply: string, text: string) =>
    socket.write(`PUB ${subject} ${reply === '' ? '' : `${reply} `}${Buffer.byteLength(text)}\r\n${text}\r\n`);

  /** Answers where the next operation starts, or undefined until all of this one is there. */
  const take = (start: number): number | undefined => {
    const lineEnd = rest.indexOf('\r\n', start);
    if (lineEnd < 0) return undefined;
    const [operation = '', ...words] = rest.toString('utf8', start, lineEnd).split(' ');
    if (operation === 'PING') socket.write('PONG\r\n');
    if (operation === '-ERR') throw new Error(`NATS answers ${words.join(' ')}`);
    if (operation !== 'MSG' && operation !== 'HMSG') return lineEnd + 2;
    const hasHeaders = operation === 'HMSG';
    const size = Number(words.at(-1));
    const from = lineEnd + 2;
    if (rest.byteLength < from + size + 2) return undefined;
    const headerBytes = hasHeaders ? Number(words.at(-2)) : 0;
    const hasReply = words.length === (hasHeaders ? 5 : 4);
    const message = {
      reply: hasReply ? (words[2] ?? '') : '',
      text: rest.toString('utf8', from + headerBytes, from + size),
      isStatus: hasHeaders && rest.toString('latin1', from, from + 9) === 'NATS/1.0 ',
    };
    // What was pulled comes under the subject of its stream.
    if (words[1] === PULLED_ID) takePulled(message);
    else takers.get(words[0] ?? '')?.take(message);
    return from + size + 2;
  };

  socket.on('error', fail);
  socket.on('close', () => {
    fail(new Error('NATS has closed the connection'));
  });
  socket.on('data', (chunk: Buffer) => {
    rest = rest.byteLength === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    try {
      for (let next = take(at); next !== undefined; next = take(at)) at = next;
    } catch (error) {
      fail(error as Error);
      socket.destroy();
    }
    rest = rest.subarray(at);
  });
  socket.write(
    `CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true}\r\nSUB ${inbox}.* 1\r\nSUB ${pulled} ${PULLED_ID}\r\n`,
  );

  return {
    publish: (subject, text) => {
      write(subject, '', text);
    },
    request: (subject, text) =>
      new Promise((resolve, reject) => {
        const reply = `${inbox}.${(lastReply += 1)}`;
        takers.set(reply, {
          reject,
          take(message) {
            takers.delete(reply);
            if (message.isStatus || message.text.includes('"error":'))
              reject(new Error(`NATS answers ${subject}: ${message.text}`));
            else resolve(message.text);
          },
        });
        write(subject, reply, text);
      }),
    pull(subject, text, onMessage) {
      takePulled = onMessage;
      write(subject, pulled, text);
    },
    close() {
      socket.destroy();
    },
  };
}
