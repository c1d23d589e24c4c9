// Clients that keep all they receive, for specs that look at it afterwards.

import { payloadOf, type RecordBatch, type Request, type Response } from '@pulses/broker-wire';
import { Condition } from '@pulses/shared-async';
import type { Network, Socket } from '@pulses/shared-ports';
import { connectWire, dialWire, type ResponseOf, type WireClient } from './wire-client';

const CONNECT_TIMEOUT_MS = 10_000;

interface Heard {
  readonly correlation: number;
  readonly response: Response;
}

/** What both clients tell of their connection. */
class Recording {
  readonly #changed = new Condition();
  #isClosed = false;
  #hasEnded = false;

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Something has come. */
  changed(): void {
    this.#changed.notifyAll();
  }

  /** Resolves once `condition` holds; it is checked after each change. */
  until(condition: () => boolean): Promise<void> {
    return this.#changed.until(condition);
  }

  end(): void {
    this.#hasEnded = true;
    this.changed();
  }

  close(): void {
    this.#isClosed = true;
    this.changed();
  }
}

/** Sends and keeps bytes of any protocol. */
export interface RawClient {
  readonly socket: Socket;
  readonly text: string;
  readonly isClosed: boolean;
  readonly hasEnded: boolean;
  until(condition: () => boolean): Promise<void>;
}

export async function connectRaw(network: Network, port: number): Promise<RawClient> {
  const socket = await network.connect({ host: '127.0.0.1', port, timeoutMs: CONNECT_TIMEOUT_MS });
  const chunks: Uint8Array[] = [];
  const recording = new Recording();
  socket.handle({
    onData: (bytes) => {
      chunks.push(bytes);
      recording.changed();
    },
    onDrain: () => undefined,
    onEnd: () => {
      recording.end();
    },
    onClose: () => {
      recording.close();
    },
  });
  return {
    socket,
    get text() {
      return Buffer.concat(chunks).toString();
    },
    get isClosed() {
      return recording.isClosed;
    },
    get hasEnded() {
      return recording.hasEnded;
    },
    until: (condition) => recording.until(condition),
  };
}

/** Speaks the broker's own protocol and keeps every response. It leaves its half open when the broker ends its own. */
export class RecordingClient {
  /** Every response so far, in order. */
  readonly heard: readonly Heard[];
  readonly #client: WireClient;
  readonly #recording: Recording;
  readonly #messageCounts: ReadonlyMap<number, number>;

  private constructor(client: WireClient, recording: Recording, heard: Heard[], counts: Map<number, number>) {
    this.#client = client;
    this.#recording = recording;
    this.heard = heard;
    this.#messageCounts = counts;
  }

  /** Connects and says hello, unless `greets` is false. */
  static async connect(
    network: Network,
    port: number,
    { token, greets = true }: { readonly token?: string; readonly greets?: boolean } = {},
  ): Promise<RecordingClient> {
    const recording = new Recording();
    const heard: Heard[] = [];
    const counts = new Map<number, number>();
    const client = await (greets ? connectWire : dialWire)(port, {
      network,
      client: 'spec',
      ...(token === undefined ? {} : { token }),
      onResponse: (correlation, response) => {
        heard.push({ correlation, response });
        if (response.type === 'records') counts.set(correlation, countOf(response) + (counts.get(correlation) ?? 0));
        recording.changed();
      },
      onEnd: () => {
        recording.end();
      },
      onClose: () => {
        recording.close();
      },
    });
    return new RecordingClient(client, recording, heard, counts);
  }

  get socket(): Socket {
    return this.#client.socket;
  }

  get isClosed(): boolean {
    return this.#recording.isClosed;
  }

  get hasEnded(): boolean {
    return this.#recording.hasEnded;
  }

  /** Sends under an id, by default the next one; returns it. */
  send(request: Request, correlation?: number): number {
    return this.#client.send(request, correlation);
  }

  sendBytes(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** The first response under the id that is of the type, from now or before. */
  async answer<Type extends Response['type']>(correlation: number, type: Type): Promise<ResponseOf<Type>> {
    const found = await this.#first(
      (one) => one.correlation === correlation && one.response.type === type,
      () => `closed without ${type}; heard ${JSON.stringify(this.heard.slice(-3))}`,
    );
    return found as ResponseOf<Type>;
  }

  /** Sends and waits for the first response. */
  request(request: Request): Promise<Response> {
    const correlation = this.send(request);
    return this.#first(
      (one) => one.correlation === correlation,
      () => `closed without an answer to ${request.type}`,
    );
  }

  /** Resolves once `condition` holds; it is checked after each response. */
  until(condition: () => boolean): Promise<void> {
    return this.#recording.until(condition);
  }

  /** The messages that a fetch stream has brought. */
  messages(correlation: number): string[] {
    return this.heard.flatMap((one) => (one.correlation === correlation ? textsOf(one.response) : []));
  }

  /** How many messages a fetch stream has brought; cheap. */
  messageCount(correlation: number): number {
    return this.#messageCounts.get(correlation) ?? 0;
  }

  closed(): Promise<void> {
    return this.until(() => this.isClosed);
  }

  async #first(matches: (heard: Heard) => boolean, failure: () => string): Promise<Response> {
    const find = () => this.heard.find(matches);
    await this.until(() => find() !== undefined || this.isClosed);
    const found = find();
    if (found === undefined) throw new Error(failure());
    return found.response;
  }
}

const countOf = ({ batches }: ResponseOf<'records'>): number =>
  batches.reduce((sum, { recordCount }) => sum + recordCount, 0);

const textsOf = (response: Response): string[] =>
  response.type === 'records' ? response.batches.flatMap(batchTexts) : [];

function batchTexts(batch: RecordBatch): string[] {
  return Buffer.from(batch.payload).toString().split('\n').slice(0, -1);
}

/** Messages as an append. */
export function lines(...messages: readonly string[]): {
  recordCount: number;
  payloadCrc: number;
  payload: Uint8Array;
} {
  const payload = Buffer.from(messages.map((message) => `${message}\n`).join(''));
  return { recordCount: messages.length, ...payloadOf(payload) };
}

const PRODUCER_ID = '00112233445566778899aabbccddeeff';

/** A produce request. */
export function produce(topic: string, sequence: number, ...messages: readonly string[]): Request {
  return { type: 'produce', producer: { id: PRODUCER_ID, epoch: 0, sequence }, topic, ...lines(...messages) };
}
