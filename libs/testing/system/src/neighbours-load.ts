// A load whose every byte is known beforehand, who publishes it, and readers that compare what they get with it.

import { payloadOf } from '@pulses/broker-wire';
import { connectWire, ConnectionEnded, type WireClient } from '@pulses/testing-wire-client';
import { connect } from 'node:net';

const BATCH_MESSAGES = 64;
const CREDIT_BYTES = 256 * 1024;

/** How long messages are, and how many. */
export interface LoadShape {
  readonly messages: number;
  readonly padBytes: number;
}

export interface Load {
  readonly bytes: Buffer;
  readonly messages: number;
  /** Where a message starts; behind the last one, where the load ends. */
  startOf(message: number): number;
}

/** The same for the same shape, in every process. */
export function loadOf({ messages, padBytes }: LoadShape): Load {
  const starts = [0];
  const lines: Buffer[] = [];
  let end = 0;
  for (let index = 0; index < messages; index += 1) {
    const line = Buffer.from(`${index} ${'x'.repeat(padBytes + ((index * 7919) % 97))}\n`);
    lines.push(line);
    starts.push((end += line.byteLength));
  }
  return { bytes: Buffer.concat(lines), messages, startOf: (message) => starts[message] ?? end };
}

export interface LoadPublisher {
  /** Publishes the messages up to this one; resolves when all are acknowledged. */
  upTo(message: number): Promise<void>;
  /** How many are acknowledged. */
  readonly acknowledged: number;
  close(): void;
}

export async function publisherOf(port: number, topic: string, load: Load): Promise<LoadPublisher> {
  const client = await connectWire(port);
  const producer = { id: Buffer.from(topic.padEnd(16).slice(0, 16)).toString('hex'), epoch: 0 };
  let acknowledged = 0;
  let sequence = 0;
  return {
    async upTo(message) {
      while (acknowledged < message) {
        const next = Math.min(message, acknowledged + BATCH_MESSAGES);
        const payload = load.bytes.subarray(load.startOf(acknowledged), load.startOf(next));
        const stamp = { ...producer, sequence };
        const { baseOffset } = await client.request('produced', {
          type: 'produce',
          producer: stamp,
          topic,
          recordCount: next - acknowledged,
          ...payloadOf(payload),
        });
        if (baseOffset !== acknowledged) throw new Error(`stored at ${baseOffset}, which is not ${acknowledged}`);
        sequence += 1;
        acknowledged = next;
      }
    },
    get acknowledged() {
      return acknowledged;
    },
    close() {
      client.close();
    },
  };
}

export interface LoadReader {
  /**
   * Resolves once everything has come from where the reader began.
   * @throws ConnectionEnded when the broker closed before; Error when anything but the next bytes of the load came
   */
  readonly complete: Promise<void>;
  /** Resolves to how many messages the broker had, or to undefined when the protocol does not say, once something has come. */
  readonly joined: Promise<number | undefined>;
  close(): void;
}

/** Compares bytes with those of the load, from a message on. */
function comparison(load: Load, fromMessage: number, close: () => void) {
  let position = load.startOf(fromMessage);
  let complete: () => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  let join: (messages: number | undefined) => void = () => undefined;
  const reader: LoadReader = {
    complete: new Promise<void>((resolve, reject) => {
      complete = resolve;
      fail = reject;
    }),
    joined: new Promise((resolve) => {
      join = resolve;
    }),
    close,
  };
  // A failure reaches the caller when it awaits this, at once or later.
  reader.complete.catch(() => undefined);
  return {
    reader,
    join,
    take(bytes: Uint8Array) {
      if (load.bytes.compare(bytes, 0, bytes.byteLength, position, position + bytes.byteLength) !== 0) {
        const came = Buffer.from(bytes.subarray(0, 80)).toString();
        fail(new Error(`at byte ${position} came ${JSON.stringify(came)}`));
        close();
        return;
      }
      position += bytes.byteLength;
      if (position === load.bytes.byteLength) complete();
    },
    end() {
      join(undefined);
      fail(new ConnectionEnded('the connection is over'));
    },
    fail,
  };
}

/** A reader of the original line protocol: everything, from the first message on. */
export function readByLines(port: number, topic: string, load: Load): LoadReader {
  const socket = connect(port, '127.0.0.1');
  const { reader, join, take, end } = comparison(load, 0, () => socket.destroy());
  socket.on('error', () => undefined);
  socket.on('close', end);
  socket.on('data', (chunk: Buffer) => {
    join(undefined);
    take(chunk);
  });
  socket.write(`source-connector_${topic}\n`);
  return reader;
}

/** A reader of the broker's own protocol, from a message on, which takes no more at a time than its credit. */
export function readByFetch(port: number, topic: string, load: Load, fromMessage: number): LoadReader {
  let client: WireClient | undefined;
  const { reader, join, take, end, fail } = comparison(load, fromMessage, () => client?.close());
  const start = async (): Promise<void> => {
    client = await connectWire(port);
    void client.ended.then(end);
    let next = fromMessage;
    const request = {
      type: 'fetch',
      topic,
      incarnation: '',
      fromOffset: fromMessage,
      creditBytes: CREDIT_BYTES,
    } as const;
    const stream = client.stream(request, (response) => {
      if (response.type === 'fetch-started') join(response.nextOffset);
      else if (response.type === 'error') fail(new Error(`${response.code}: ${response.message}`));
      else if (response.type === 'records')
        for (const { baseOffset, recordCount, payload } of response.batches) {
          if (baseOffset !== next) fail(new Error(`offset ${baseOffset} came where ${next} was due`));
          next += recordCount;
          take(payload);
          stream.send({ type: 'credit', bytes: payload.byteLength });
        }
    });
  };
  start().catch(end);
  return reader;
}

export const pass = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
