// A client for specs: speaks the protocol and keeps what it hears, with no cleverness of its own.

import {
  createFrameAssembler,
  decodeResponse,
  encodeRequest,
  PREAMBLE,
  PROTOCOL_VERSION,
  type RecordBatch,
  type Request,
  type Response,
} from '@pulses/broker-wire';
import type { Network, Socket } from '@pulses/shared-ports';

export interface Heard {
  readonly correlation: number;
  readonly response: Response;
}

export interface WireClient {
  readonly socket: Socket;
  /** Everything heard so far, in order. */
  readonly heard: readonly Heard[];
  readonly isClosed: boolean;
  readonly hasEnded: boolean;
  /** Sends under the next correlation id, which it returns. */
  send(request: Request, correlation?: number): number;
  sendBytes(bytes: Uint8Array): void;
  /** The first answer under the id that is of the type, from now or before. */
  answer<Type extends Response['type']>(
    correlation: number,
    type: Type,
  ): Promise<Extract<Response, { readonly type: Type }>>;
  /** Sends and waits for the first answer. */
  request(request: Request): Promise<Response>;
  /** Resolves once `condition` holds, looked at after each thing heard. */
  until(condition: () => boolean): Promise<void>;
  /** The messages that a fetch stream has brought. */
  messages(correlation: number): string[];
  /** How many those are; cheap. */
  messageCount(correlation: number): number;
  closed(): Promise<void>;
}

export interface RawClient {
  readonly socket: Socket;
  readonly text: string;
  readonly isClosed: boolean;
  readonly hasEnded: boolean;
  until(condition: () => boolean): Promise<void>;
}

/** A client that sends and keeps bytes. */
export async function connectRaw(
  network: Network,
  port: number,
  onData?: (bytes: Uint8Array) => void,
): Promise<RawClient> {
  const socket = await network.connect({ host: '127.0.0.1', port, timeoutMs: 10_000 });
  const chunks: Uint8Array[] = [];
  const waiting = new Set<() => void>();
  let isClosed = false;
  let hasEnded = false;
  const look = (): void => {
    for (const one of [...waiting]) one();
  };
  socket.handle({
    onData: (bytes) => {
      if (onData === undefined) chunks.push(bytes);
      else onData(bytes);
      look();
    },
    onDrain: () => undefined,
    onEnd: () => {
      hasEnded = true;
      look();
    },
    onClose: () => {
      isClosed = true;
      look();
    },
  });
  const client: RawClient = {
    socket,
    get text() {
      return Buffer.concat(chunks).toString();
    },
    get isClosed() {
      return isClosed;
    },
    get hasEnded() {
      return hasEnded;
    },
    until: (condition) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!condition()) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
  };
  return client;
}

/** Connects and says hello, unless `greets` is false. */
export async function connectWire(
  network: Network,
  port: number,
  options: { token?: string; greets?: boolean } = {},
): Promise<WireClient> {
  const assembler = createFrameAssembler();
  const heard: Heard[] = [];
  const messageCounts = new Map<number, number>();
  const raw = await connectRaw(network, port, (bytes) => {
    for (const frame of assembler.push(bytes)) {
      const { correlation } = frame;
      const response = decodeResponse(frame);
      heard.push({ correlation, response });
      if (response.type !== 'records') continue;
      const count = response.batches.reduce((sum, { recordCount }) => sum + recordCount, 0);
      messageCounts.set(correlation, count + (messageCounts.get(correlation) ?? 0));
    }
  });
  let correlations = 0;
  const client: WireClient = {
    socket: raw.socket,
    heard,
    get isClosed() {
      return raw.isClosed;
    },
    get hasEnded() {
      return raw.hasEnded;
    },
    send: (request, correlation = (correlations += 1)) => {
      for (const part of encodeRequest(correlation, request)) raw.socket.write(part);
      return correlation;
    },
    sendBytes: (bytes) => {
      raw.socket.write(bytes);
    },
    answer: async (correlation, type) => {
      const find = () => heard.find((one) => one.correlation === correlation && one.response.type === type);
      await raw.until(() => find() !== undefined || raw.isClosed);
      const found = find();
      if (found === undefined) throw new Error(`closed without ${type}; heard ${JSON.stringify(heard.slice(-3))}`);
      return found.response as Extract<Response, { readonly type: typeof type }>;
    },
    request: async (request) => {
      const correlation = client.send(request);
      const find = () => heard.find((one) => one.correlation === correlation);
      await raw.until(() => find() !== undefined || raw.isClosed);
      const found = find();
      if (found === undefined) throw new Error(`closed without an answer to ${request.type}`);
      return found.response;
    },
    until: (condition) => raw.until(condition),
    messages: (correlation) => heard.flatMap((one) => (one.correlation === correlation ? textsOf(one.response) : [])),
    messageCount: (correlation) => messageCounts.get(correlation) ?? 0,
    closed: () => raw.until(() => raw.isClosed),
  };
  client.sendBytes(PREAMBLE);
  if (options.greets !== false) {
    const hello = await client.request({
      type: 'hello',
      protocolVersion: PROTOCOL_VERSION,
      client: 'spec',
      token: options.token ?? '',
    });
    if (hello.type !== 'hello-ok') throw new Error(`no hello: ${JSON.stringify(hello)}`);
  }
  return client;
}

function textsOf(response: Response): string[] {
  return response.type === 'records' ? response.batches.flatMap(batchTexts) : [];
}

export function batchTexts(batch: RecordBatch): string[] {
  return Buffer.from(batch.payload).toString().split('\n').slice(0, -1);
}

/** Messages as an append. */
export function lines(...messages: readonly string[]): { recordCount: number; payload: Uint8Array } {
  return { recordCount: messages.length, payload: Buffer.from(messages.map((message) => `${message}\n`).join('')) };
}

export const PRODUCER_ID = '00112233445566778899aabbccddeeff';

/** A produce request. */
export function produce(topic: string, sequence: number, ...messages: readonly string[]): Request {
  return { type: 'produce', producer: { id: PRODUCER_ID, epoch: 0, sequence }, topic, ...lines(...messages) };
}
