// The messages of the broker's own protocol, as plain values. docs/formats/broker-protocol.md has the bytes.
//
// One connection carries many requests at once: a correlation id, chosen by the client, ties each answer to its
// request. Every request gets exactly one answer (its own kind, or `error`), with three exceptions. `fetch` opens a
// stream of answers under its correlation id; `credit` and `stop-fetch` get none of their own. Requests of one
// connection take effect in the order sent.

import { type Fields, type FieldsCodec, fieldsOf, FieldWriter } from '@pulses/shared-binary';
import { createBodyReader, violation } from '../body';
import { FRAME_HEADER_BYTES, sealFrame, type Frame } from '../frame';
import { PayloadParts } from '../payload-parts';
import { COMMIT_REQUESTS, COMMIT_RESPONSES } from './commit';
import { FETCH_REQUESTS, FETCH_RESPONSES } from './fetch';
import { GROUP_REQUESTS, GROUP_RESPONSES } from './groups';
import { PRODUCE_REQUESTS, PRODUCE_RESPONSES } from './produce';
import { SCAN_REQUESTS, SCAN_RESPONSES } from './scan';
import { type MessageSchema, type MessagesOf } from './schema';
import { SESSION_REQUESTS, SESSION_RESPONSES } from './session';
import { TOPIC_REQUESTS, TOPIC_RESPONSES } from './topics';

const REQUESTS = {
  ...SESSION_REQUESTS,
  ...PRODUCE_REQUESTS,
  ...FETCH_REQUESTS,
  ...SCAN_REQUESTS,
  ...COMMIT_REQUESTS,
  ...TOPIC_REQUESTS,
  ...GROUP_REQUESTS,
};

const RESPONSES = {
  ...SESSION_RESPONSES,
  ...PRODUCE_RESPONSES,
  ...FETCH_RESPONSES,
  ...SCAN_RESPONSES,
  ...COMMIT_RESPONSES,
  ...TOPIC_RESPONSES,
  ...GROUP_RESPONSES,
};

/** What a client may ask. */
export type Request = MessagesOf<typeof REQUESTS>;
/** What the broker sends. */
export type Response = MessagesOf<typeof RESPONSES>;
export type RequestType = Request['type'];
export type ResponseType = Response['type'];

interface Codec extends FieldsCodec {
  readonly type: string;
  readonly number: number;
}

/** The messages that one side sends, by type and by number. */
class Codecs {
  readonly #byType = new Map<string, Codec>();
  readonly #byNumber = new Map<number, Codec>();

  constructor(table: Readonly<Record<string, MessageSchema<Fields>>>) {
    for (const [type, { number, fields }] of Object.entries(table)) {
      const codec = { type, number, ...fieldsOf(fields) };
      this.#byType.set(type, codec);
      this.#byNumber.set(number, codec);
    }
  }

  encode(correlation: number, message: { readonly type: string }): Uint8Array[] {
    const codec = this.#byType.get(message.type);
    if (codec === undefined) throw new TypeError(`no message is called ${message.type}`);
    const writer = FieldWriter.growing(FRAME_HEADER_BYTES);
    const payload = new PayloadParts();
    codec.write(writer, message, payload);
    return sealFrame(codec.number, correlation, writer.written(), payload);
  }

  /** Undefined when no message has the number. */
  decode(frame: Frame): { readonly type: string } | undefined {
    const codec = this.#byNumber.get(frame.type);
    if (codec === undefined) return undefined;
    const reader = createBodyReader(frame.body);
    const payload = createBodyReader(frame.payload);
    const message = { type: codec.type };
    codec.readInto(reader, payload, message);
    reader.expectEnd();
    payload.expectEnd();
    return message;
  }
}

const requests = new Codecs(REQUESTS);
const responses = new Codecs(RESPONSES);

/**
 * A request as a frame, in parts to be written back to back. Payloads are not copied.
 * @throws PulsesError MESSAGE_TOO_LARGE
 */
export function encodeRequest(correlation: number, request: Request): Uint8Array[] {
  return requests.encode(correlation, request);
}

/** A response as a frame, like `encodeRequest`. */
export function encodeResponse(correlation: number, response: Response): Uint8Array[] {
  return responses.encode(correlation, response);
}

/** Payloads are views of the frame. @throws PulsesError PROTOCOL_VIOLATION or TOPIC_INVALID */
export function decodeRequest(frame: Frame): Request {
  const request = requests.decode(frame);
  if (request === undefined) throw violation(`no request has type ${frame.type}`);
  return request as Request; // of the fields that the table declares
}

/** Like `decodeRequest`. */
export function decodeResponse(frame: Frame): Response {
  const response = responses.decode(frame);
  if (response === undefined) throw violation(`no response has type ${frame.type}`);
  return response as Response; // of the fields that the table declares
}
