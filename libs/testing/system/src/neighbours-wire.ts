// A client of the broker's own protocol on a plain socket: one call, one answer, and what comes on streams.

import {
  createFrameAssembler,
  decodeResponse,
  encodeRequest,
  PREAMBLE,
  PROTOCOL_VERSION,
  type Request,
  type Response,
} from '@pulses/broker-wire';
import { connect } from 'node:net';

/** The broker has ended the connection, or was not there. */
export class ConnectionEnded extends Error {}

export interface WireClient {
  /** @throws ConnectionEnded; Error with the code of an error answer */
  request<Type extends Response['type']>(type: Type, request: Request): Promise<Extract<Response, { type: Type }>>;
  /** Opens a stream; `onResponse` hears all of it. Resolves to what sends more under its id. */
  stream(request: Request, onResponse: (response: Response) => void): (request: Request) => void;
  /** Resolves once the connection is over. */
  readonly ended: Promise<void>;
  close(): void;
}

/** Connects and says hello. @throws ConnectionEnded */
export async function connectWire(port: number): Promise<WireClient> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  const assembler = createFrameAssembler();
  const hearers = new Map<number, (response: Response) => void>();
  const calls = new Map<number, (error: Error) => void>();
  let lastCorrelation = 0;
  let isOver = false;
  const ended = new Promise<void>((resolve) => {
    socket.on('close', () => {
      isOver = true;
      for (const reject of calls.values()) reject(new ConnectionEnded());
      resolve();
    });
  });
  socket.on('error', () => undefined);
  socket.on('end', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    for (const frame of assembler.push(chunk)) hearers.get(frame.correlation)?.(decodeResponse(frame));
  });

  const send = (correlation: number, request: Request) => {
    for (const part of encodeRequest(correlation, request)) socket.write(part);
  };

  const client: WireClient = {
    ended,
    request: (type, request) =>
      new Promise((resolve, reject) => {
        const correlation = (lastCorrelation += 1);
        if (isOver) {
          reject(new ConnectionEnded());
          return;
        }
        calls.set(correlation, reject);
        hearers.set(correlation, (response) => {
          hearers.delete(correlation);
          calls.delete(correlation);
          if (response.type === type) resolve(response as Extract<Response, { type: typeof type }>);
          else reject(new Error(`${JSON.stringify(response)} came for ${type}`));
        });
        send(correlation, request);
      }),
    stream(request, onResponse) {
      const correlation = (lastCorrelation += 1);
      hearers.set(correlation, onResponse);
      send(correlation, request);
      return (more) => {
        send(correlation, more);
      };
    },
    close() {
      socket.destroy();
    },
  };
  socket.write(PREAMBLE);
  await client.request('hello-ok', {
    type: 'hello',
    protocolVersion: PROTOCOL_VERSION,
    client: 'neighbour',
    token: '',
  });
  return client;
}
