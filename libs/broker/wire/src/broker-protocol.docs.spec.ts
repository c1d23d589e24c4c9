import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFrameAssembler, type Frame } from './frame';
import * as limits from './limits';
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from './messages/messages';
import type { Request, RequestType, Response, ResponseType } from './messages/messages';

const DOCUMENT = 'docs/formats/broker-protocol.md';
const text = readFileSync(join(__dirname, '../../../..', DOCUMENT), 'utf8');

// The compiler asks for each type of the code here, the tests for a section of each type named here.
const REQUESTS: Readonly<Record<RequestType, true>> = {
  hello: true,
  produce: true,
  'retire-producer': true,
  fetch: true,
  credit: true,
  'stop-fetch': true,
  commit: true,
  'read-positions': true,
  'list-topics': true,
  'create-topic': true,
  'delete-topics': true,
  'join-group': true,
  heartbeat: true,
  'leave-group': true,
  ping: true,
  'join-as-publisher': true,
  'list-groups': true,
  'delete-group': true,
  'delete-position': true,
  'list-positions': true,
  scan: true,
};
const RESPONSES: Readonly<Record<ResponseType, true>> = {
  'hello-ok': true,
  produced: true,
  'fetch-started': true,
  records: true,
  head: true,
  committed: true,
  positions: true,
  topics: true,
  topic: true,
  'group-joined': true,
  done: true,
  pong: true,
  error: true,
  groups: true,
  'group-deleted': true,
  'positions-page': true,
  scanned: true,
};

interface Example {
  readonly correlation: number;
  readonly message: Request | Response;
  readonly bytes: Buffer;
}

interface Section {
  readonly kind: 'Request' | 'Response';
  readonly number: number;
  readonly type: string;
  readonly examples: readonly Example[];
}

const COLUMNS = new Set(['topicIds', 'counts', 'lengths', 'newTopicIds']);

/** Payloads stand as text in the document, and columns as lists. */
const withBytes = (key: string, value: unknown): unknown => {
  if (key === 'payload' && typeof value === 'string') return Buffer.from(value);
  return COLUMNS.has(key) && Array.isArray(value) ? Uint32Array.from(value as number[]) : value;
};

/** Hex digits up to a gap of two blanks; what follows is for people. */
const bytesOfDump = (dump: string): Buffer =>
  Buffer.concat(dump.split('\n').map((line) => Buffer.from((line.split(/ {2,}/)[0] ?? '').replaceAll(' ', ''), 'hex')));

function examplesIn(body: string): Example[] {
  return [...body.matchAll(/^```json\n(.*?)\n```\n\n```hex\n(.*?)\n```$/gms)].map(([, json = '', dump = '']) => {
    const { correlation, ...message } = JSON.parse(json, withBytes) as { correlation: number } & Request;
    return { correlation, message, bytes: bytesOfDump(dump) };
  });
}

const sections: Section[] = [
  ...text.matchAll(/^### (Request|Response) (\d+): `([a-z-]+)`$(.*?)(?=^##|$(?![^]))/gms),
].map(([, kind, number, type = '', body = '']) => ({
  kind: kind as Section['kind'],
  number: Number(number),
  type,
  examples: examplesIn(body),
}));
const examples = sections.flatMap(({ kind, number, type, examples: own }) =>
  own.map((example, index) => ({
    name: `${kind} ${number}: ${type}, example ${index + 1}`,
    kind,
    number,
    type,
    ...example,
  })),
);

const encodeExample = ({ kind, correlation, message }: Pick<Section, 'kind'> & Example): Buffer =>
  Buffer.concat(
    kind === 'Request'
      ? encodeRequest(correlation, message as Request)
      : encodeResponse(correlation, message as Response),
  );
const decode = (kind: Section['kind'], frame: Frame) =>
  kind === 'Request' ? decodeRequest(frame) : decodeResponse(frame);

/** Byte fields as plain buffers, so that messages compare by value. */
const plain = (value: unknown): unknown => {
  if (value instanceof Uint32Array) return [...value];
  if (ArrayBuffer.isView(value)) return Buffer.from(value as Uint8Array).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, plain(field)]));
};

const isKnown = (kind: Section['kind'], type: number): boolean => {
  try {
    decode(kind, { type, correlation: 0, body: Buffer.alloc(0), payload: Buffer.alloc(0) });
    return true;
  } catch (error) {
    return !/no (request|response) has type/.test((error as Error).message);
  }
};

describe(DOCUMENT, () => {
  it('has a section for each type of the code, and for no other', () => {
    const typesOf = (kind: Section['kind']) =>
      sections.filter((section) => section.kind === kind).map(({ type }) => type);
    expect(typesOf('Request').sort()).toEqual(Object.keys(REQUESTS).sort());
    expect(typesOf('Response').sort()).toEqual(Object.keys(RESPONSES).sort());
  });

  it('gives each type the number that the code decodes', () => {
    for (const kind of ['Request', 'Response'] as const) {
      const documented = sections.filter((section) => section.kind === kind).map(({ number }) => number);
      const known = Array.from({ length: 256 }, (_, number) => number).filter((number) => isKnown(kind, number));
      expect(documented.sort((left, right) => left - right)).toEqual(known);
    }
  });

  it('has an example for each type', () => {
    expect(sections.filter((section) => section.examples.length === 0)).toEqual([]);
  });

  it.each(examples)('$name has the bytes that the code writes', (example) => {
    expect(example.message.type).toBe(example.type);
    expect(example.bytes.readUInt8(8)).toBe(example.number);
    expect(encodeExample(example).toString('hex')).toBe(example.bytes.toString('hex'));
  });

  it.each(examples)('$name is read back as the message beside it', ({ kind, correlation, message, bytes }) => {
    const [frame, ...others] = createFrameAssembler().push(bytes);
    if (frame === undefined) throw new Error('the example is a whole frame');
    expect(others).toEqual([]);
    expect(frame.correlation).toBe(correlation);
    expect(plain(decode(kind, frame))).toEqual(plain(message));
  });

  it('has examples that come out of a stream that is fed byte by byte', () => {
    const stream = Buffer.concat(examples.map(({ bytes }) => bytes));
    const assembler = createFrameAssembler();
    // A copy of each byte, as a socket hands out chunks of its own.
    const frames = Array.from(stream).flatMap((byte) => assembler.push(Uint8Array.of(byte)));
    expect(assembler.pendingBytes).toBe(0);
    expect(frames.length).toBe(examples.length);
    for (const [index, { kind, correlation, message }] of examples.entries()) {
      const frame = frames[index]!; // as many as examples
      expect(frame.correlation).toBe(correlation);
      expect(plain(decode(kind, frame))).toEqual(plain(message));
    }
  });

  it('states every limit with its value', () => {
    const documented = [...text.matchAll(/^\| `([A-Z_]+)` \| (\d+) \|/gm)].map(([, name, value]) => [
      name,
      Number(value),
    ]);
    const constants = Object.entries(limits).filter(([, value]) => typeof value === 'number');
    expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(constants));
  });

  it('states the preamble', () => {
    const [, preamble = ''] = /^opening = ((?:[0-9a-f]{2} )+) /m.exec(text) ?? [];
    expect(preamble.trim()).toBe(
      Buffer.from(limits.PREAMBLE)
        .toString('hex')
        .replace(/(..)(?=.)/g, '$1 '),
    );
  });
});
