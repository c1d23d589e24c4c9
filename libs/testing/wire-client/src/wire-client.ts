// The test client of the broker's own protocol: sends what it is told, and passes on what comes.
//
// Guarantees: requests reach the broker in the order of the calls. It does not survive a lost connection, keeps no
// response, and bounds nothing: the caller decides how much is in flight.

import {
  createFrameAssembler,
  decodeResponse,
  encodeRequest,
  PREAMBLE,
  PROTOCOL_VERSION,
  type Request,
  type Response,
} from '@pulses/broker-wire';
import { PulsesError } from '@pulses/shared-errors';
import { nodeNetwork } from '@pulses/shared-node-platform';
import type { Network, Socket } from '@pulses/shared-ports';

/** Longer than a burst of reconnecting clients waits for the system to accept them. */
const CONNECT_TIMEOUT_MS = 60_000;

/** The connection was refused, or the broker has closed it. */
export class ConnectionEnded extends Error {
  override readonly name = 'ConnectionEnded';
}

export type ResponseOf<Type extends Response['type']> = Extract<Response, { readonly type: Type }>;

export interface WireClientOptions {
  /** Default: the operating system's. */
  readonly network?: Network;
  /** The name in the hello. */
  readonly client?: string;
  readonly token?: string;
  /** Hears every response, before the request or stream that it belongs to. */
  readonly onResponse?: (correlation: number, response: Response) => void;
  /** The broker has ended its half. Default: the client closes the connection. */
  readonly onEnd?: () => void;
  readonly onClose?: () => void;
}

export interface WireStream {
  /** Sends more under the id of the stream. */
  send(request: Request): void;
  /** Drops later responses of the stream. */
  forget(): void;
}

interface Hearer {
  take(response: Response): void;
  fail(error: ConnectionEnded): void;
}

export class WireClient {
  readonly socket: Socket;
  /** Resolves once the connection is over. */
  readonly ended: Promise<void>;
  readonly #assembler = createFrameAssembler();
  readonly #hearers = new Map<number, Hearer>();
  #lastCorrelation = 0;
  #isOver = false;

  /** Takes over a connected socket. `connectWire` also says hello. */
  constructor(socket: Socket, { onResponse, onEnd, onClose }: WireClientOptions = {}) {
    this.socket = socket;
    this.ended = new Promise((resolve) => {
      socket.handle({
        onData: (bytes) => {
          for (const frame of this.#assembler.push(bytes)) {
            const response = decodeResponse(frame);
            onResponse?.(frame.correlation, response);
            this.#hearers.get(frame.correlation)?.take(response);
          }
        },
        onDrain: () => undefined,
        onEnd: onEnd ?? (() => socket.destroy()),
        onClose: () => {
          this.#isOver = true;
          for (const hearer of this.#hearers.values()) hearer.fail(new ConnectionEnded('the connection is over'));
          this.#hearers.clear();
          onClose?.();
          resolve();
        },
      });
    });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Sends under an id, by default the next one; returns it. */
  send(request: Request, correlation = this.#nextCorrelation()): number {
    this.socket.cork();
    for (const part of encodeRequest(correlation, request)) this.socket.write(part);
    this.socket.uncork();
    return correlation;
  }

  /** Resolves to the answer. @throws ConnectionEnded; Error when another response than `type` comes */
  request<Type extends Response['type']>(type: Type, request: Request): Promise<ResponseOf<Type>> {
    return new Promise((resolve, reject) => {
      const correlation = this.#hear({
        take: (response) => {
          this.#hearers.delete(correlation);
          if (response.type === type) resolve(response as ResponseOf<Type>);
          else reject(new Error(`${JSON.stringify(response)} came for ${type}`));
        },
        fail: reject,
      });
      if (this.#hearers.has(correlation)) this.send(request, correlation);
    });
  }

  /** Opens a stream. `onResponse` hears all of it, `onEnded` that the connection is over. */
  stream(
    request: Request,
    onResponse: (response: Response) => void,
    onEnded: (error: ConnectionEnded) => void = () => undefined,
  ): WireStream {
    const correlation = this.#hear({ take: onResponse, fail: onEnded });
    if (this.#hearers.has(correlation)) this.send(request, correlation);
    return {
      send: (more) => {
        this.send(more, correlation);
      },
      forget: () => {
        this.#hearers.delete(correlation);
      },
    };
  }

  close(): void {
    this.socket.destroy();
  }

  #nextCorrelation(): number {
    return (this.#lastCorrelation += 1);
  }

  #hear(hearer: Hearer): number {
    const correlation = this.#nextCorrelation();
    if (this.#isOver) hearer.fail(new ConnectionEnded('the connection is over'));
    else this.#hearers.set(correlation, hearer);
    return correlation;
  }
}

/** Connects and says hello. @throws ConnectionEnded */
export async function connectWire(port: number, options: WireClientOptions = {}): Promise<WireClient> {
  const client = await dialWire(port, options);
  await client.request('hello-ok', {
    type: 'hello',
    protocolVersion: PROTOCOL_VERSION,
    client: options.client ?? 'test',
    token: options.token ?? '',
  });
  return client;
}

/** Connects and sends the preamble alone. @throws ConnectionEnded */
export async function dialWire(port: number, options: WireClientOptions = {}): Promise<WireClient> {
  const { network = nodeNetwork } = options;
  const socket = await connect(network, port);
  const client = new WireClient(socket, options);
  socket.write(PREAMBLE);
  return client;
}

async function connect(network: Network, port: number): Promise<Socket> {
  try {
    return await network.connect({ host: '127.0.0.1', port, timeoutMs: CONNECT_TIMEOUT_MS });
  } catch (error) {
    if (error instanceof PulsesError && error.code === 'CONNECTION_LOST')
      throw new ConnectionEnded('the connection was refused', { cause: error });
    throw error;
  }
}
