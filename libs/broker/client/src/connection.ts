// One connection to a broker: requests and their responses, and streams of responses.
//
// Guarantees: requests leave in the order of the calls; each promise settles once. A lost connection, a broken frame or
// a late response ends the connection. Every pending call and stream, and every later one, then fails with the same
// error.

import {
  createFrameAssembler,
  decodeResponse,
  encodeRequest,
  PREAMBLE,
  type Frame,
  type Request,
  type Response,
  type ResponseType,
} from '@pulses/broker-wire';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import type { Clock, Socket, Timer } from '@pulses/shared-ports';
import { errorOf } from './error-of';

const REQUEST_TIMEOUT_MS = 30_000;
const TIMEOUT_CHECK_MS = 1_000;
const FIRST_BYTES_MAX = 2;
const CORRELATION_MAX = 0xffff_ffff;

export type Reply<Type extends ResponseType> = Extract<Response, { readonly type: Type }>;

/** Receives the responses of one stream. */
export interface ResponseStream {
  /** @param memory of the response's frame; see Frame */
  push(response: Response, memory?: ArrayBufferLike): 'open' | 'ended';
  fail(error: PulsesError): void;
}

/** What a stream can tell the broker. Does nothing once the stream or the connection has ended. */
export interface StreamControl {
  credit(bytes: number): void;
  stop(): void;
}

interface PendingCall {
  readonly expected: ResponseType;
  /** Monotonic; Infinity for a request that may wait. */
  readonly deadlineMs: number;
  /** @param memory of the response's frame; see Frame */
  resolve(response: Response, memory: ArrayBufferLike | undefined): void;
  reject(error: PulsesError): void;
}

export class Connection {
  /** Resolves with the reason when the connection has ended. */
  readonly ended: Promise<PulsesError>;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #peer: string;
  readonly #assembler = createFrameAssembler({ ownsChunks: true });
  readonly #calls = new Map<number, PendingCall>();
  readonly #streams = new Map<number, ResponseStream>();
  readonly #resolveEnded: (reason: PulsesError) => void;
  #lastCorrelation = 0;
  #firstBytes: Uint8Array = Buffer.alloc(0);
  #failure: PulsesError | undefined;
  #timeoutCheck: Timer | undefined;

  /** Takes over the socket and sends the preamble. */
  constructor(socket: Socket, clock: Clock, peer: string) {
    this.#socket = socket;
    this.#clock = clock;
    this.#peer = peer;
    const { promise, resolve } = Promise.withResolvers<PulsesError>();
    this.ended = promise;
    this.#resolveEnded = resolve;
    socket.handle({
      onData: (bytes) => {
        this.#receive(bytes);
      },
      onDrain: () => undefined,
      onEnd: () => {
        this.#end(new PulsesError('CONNECTION_LOST', `${peer} closed the connection`));
      },
      onClose: (error) => {
        this.#end(new PulsesError('CONNECTION_LOST', `the connection to ${peer} broke`, { cause: error }));
      },
    });
    this.#scheduleTimeoutCheck();
    socket.write(PREAMBLE);
  }

  /** The first bytes that the peer sent, a few of them: they tell which protocol it speaks. */
  get firstBytes(): Uint8Array {
    return this.#firstBytes;
  }

  /** @throws PulsesError of the response or the connection; MESSAGE_TOO_LARGE, which sends nothing */
  async request<Type extends ResponseType>(
    expected: Type,
    request: Request,
    timeoutMs = REQUEST_TIMEOUT_MS,
  ): Promise<Reply<Type>> {
    return (await this.requestWithMemory(expected, request, timeoutMs)).reply;
  }

  /** Like `request`, with the memory of the response's frame. */
  requestWithMemory<Type extends ResponseType>(
    expected: Type,
    request: Request,
    timeoutMs = REQUEST_TIMEOUT_MS,
  ): Promise<{ readonly reply: Reply<Type>; readonly memory: ArrayBufferLike | undefined }> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) {
        reject(this.#failure);
        return;
      }
      const correlation = this.#nextCorrelation();
      // Encoded before it counts as pending: a request that is too large fails alone.
      this.#send(correlation, request);
      this.#calls.set(correlation, {
        expected,
        deadlineMs: this.#clock.monotonicMs() + timeoutMs,
        resolve: (response, memory) => {
          // The type is compared with `expected` before.
          resolve({ reply: response as Reply<Type>, memory });
        },
        reject,
      });
    });
  }

  /** Sends a request whose responses go to a stream. */
  openStream<Stream extends ResponseStream>(request: Request, streamOf: (control: StreamControl) => Stream): Stream {
    const correlation = this.#nextCorrelation();
    const stream = streamOf({
      credit: (bytes) => {
        if (this.#streams.has(correlation)) this.#send(correlation, { type: 'credit', bytes });
      },
      stop: () => {
        if (this.#streams.delete(correlation)) this.#send(correlation, { type: 'stop-fetch' });
      },
    });
    if (this.#failure !== undefined) stream.fail(this.#failure);
    else {
      this.#streams.set(correlation, stream);
      this.#send(correlation, request);
    }
    return stream;
  }

  close(): void {
    this.#end(new PulsesError('CONNECTION_LOST', `the connection to ${this.#peer} was closed`));
  }

  #end(reason: PulsesError): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    this.#timeoutCheck?.cancel();
    this.#socket.destroy();
    const [calls, streams] = [[...this.#calls.values()], [...this.#streams.values()]];
    this.#calls.clear();
    this.#streams.clear();
    for (const call of calls) call.reject(reason);
    for (const stream of streams) stream.fail(reason);
    this.#resolveEnded(reason);
  }

  #send(correlation: number, request: Request): void {
    const parts = encodeRequest(correlation, request);
    this.#socket.cork();
    for (const part of parts) this.#socket.write(part);
    this.#socket.uncork();
  }

  #nextCorrelation(): number {
    this.#lastCorrelation = this.#lastCorrelation === CORRELATION_MAX ? 1 : this.#lastCorrelation + 1;
    return this.#lastCorrelation;
  }

  #receive(bytes: Uint8Array): void {
    // A copy: the assembler may free the chunk.
    if (this.#firstBytes.byteLength === 0) this.#firstBytes = bytes.slice(0, FIRST_BYTES_MAX);
    try {
      for (const frame of this.#assembler.push(bytes)) this.#dispatch(frame);
    } catch (error) {
      if (!isPulsesError(error)) throw error;
      this.#end(error);
    }
  }

  #dispatch(frame: Frame): void {
    const response = decodeResponse(frame);
    const stream = this.#streams.get(frame.correlation);
    if (stream !== undefined) {
      if (stream.push(response, frame.memory) === 'ended') this.#streams.delete(frame.correlation);
      return;
    }
    if (response.type === 'error' && frame.correlation === 0) {
      this.#end(errorOf(response));
      return;
    }
    const call = this.#calls.get(frame.correlation);
    // The rest of a stream that was stopped.
    if (call === undefined) return;
    this.#calls.delete(frame.correlation);
    if (response.type === 'error') call.reject(errorOf(response));
    else if (response.type === call.expected) call.resolve(response, frame.memory);
    else this.#end(new PulsesError('PROTOCOL_VIOLATION', `expected ${call.expected}, got ${response.type}`));
  }

  #scheduleTimeoutCheck(): void {
    this.#timeoutCheck = this.#clock.setTimer(TIMEOUT_CHECK_MS, () => this.#checkTimeouts(), { keepAlive: false });
  }

  #checkTimeouts(): void {
    const nowMs = this.#clock.monotonicMs();
    const late = [...this.#calls.values()].find(({ deadlineMs }) => deadlineMs <= nowMs);
    if (late === undefined) this.#scheduleTimeoutCheck();
    else this.#end(new PulsesError('TIMED_OUT', `${this.#peer} did not answer in time (${late.expected})`));
  }
}
