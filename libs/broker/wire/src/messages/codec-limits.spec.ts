import { describe, expect, it } from '@jest/globals';
import { isPulsesError } from '@pulses/shared-errors';
import { createFrameAssembler, type Frame } from '../frame';
import {
  FRAME_BYTES_MAX,
  GROUP_NAME_BYTES_MAX,
  LIST_TOPICS_LIMIT_MAX,
  METADATA_BYTES_MAX,
  POSITIONS_PER_COMMIT_MAX,
  TOPICS_PER_COMMIT_MAX,
} from '../limits';
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse, type Request } from './messages';
import type { PositionChange } from './commit';
import { columnsOf } from '../topic-columns';

const ID = '00112233445566778899aabbccddeeff';

const frameOf = (parts: readonly Uint8Array[]): Frame => {
  const [frame] = createFrameAssembler().push(Buffer.concat(parts));
  if (frame === undefined) throw new Error('one frame was written');
  return frame;
};

/** Code with which the broker refuses what a client encoded; undefined when it takes it. */
const refusalOf = (request: Request): string | undefined => {
  const frame = frameOf(encodeRequest(1, request));
  try {
    decodeRequest(frame);
    return undefined;
  } catch (error) {
    if (!isPulsesError(error)) throw error;
    return error.code;
  }
};

const position = (name: string, metadata = ''): PositionChange => ({ name, expectedRevision: 0, offset: 0, metadata });
const commit = (fields: Partial<Extract<Request, { type: 'commit' }>>): Request => ({
  type: 'commit',
  group: 'g',
  groupEpoch: 1,
  topic: 't',
  incarnation: ID,
  positions: [],
  ...columnsOf([]),
  ...fields,
});

describe('the limits of messages', () => {
  it.each<[string, Request, Request]>([
    [
      'a group name',
      commit({ group: 'g'.repeat(GROUP_NAME_BYTES_MAX) }),
      commit({ group: 'g'.repeat(GROUP_NAME_BYTES_MAX + 1) }),
    ],
    [
      'a group name in bytes',
      commit({ group: 'é'.repeat(GROUP_NAME_BYTES_MAX / 2) }),
      commit({ group: `${'é'.repeat(GROUP_NAME_BYTES_MAX / 2)}x` }),
    ],
    ['a group name, which is not empty', commit({ group: 'g' }), commit({ group: '' })],
    [
      'the metadata of a position',
      commit({ positions: [position('p', 'm'.repeat(METADATA_BYTES_MAX))] }),
      commit({ positions: [position('p', 'm'.repeat(METADATA_BYTES_MAX + 1))] }),
    ],
    [
      'the positions of a commit',
      commit({ positions: Array.from({ length: POSITIONS_PER_COMMIT_MAX }, (_, index) => position(`p${index}`)) }),
      commit({ positions: Array.from({ length: POSITIONS_PER_COMMIT_MAX + 1 }, (_, index) => position(`p${index}`)) }),
    ],
    [
      'the names of a deletion',
      { type: 'delete-topics', topics: Array.from({ length: TOPICS_PER_COMMIT_MAX }, () => 't') },
      { type: 'delete-topics', topics: Array.from({ length: TOPICS_PER_COMMIT_MAX + 1 }, () => 't') },
    ],
    [
      'the limit of a list, from above',
      { type: 'list-topics', prefix: '', after: '', limit: LIST_TOPICS_LIMIT_MAX },
      { type: 'list-topics', prefix: '', after: '', limit: LIST_TOPICS_LIMIT_MAX + 1 },
    ],
    [
      'the limit of a list, from below',
      { type: 'list-topics', prefix: '', after: '', limit: 1 },
      { type: 'list-topics', prefix: '', after: '', limit: 0 },
    ],
  ])('%s is taken at its limit and refused beyond it', (_what, within, beyond) => {
    expect(refusalOf(within)).toBeUndefined();
    expect(refusalOf(beyond)).toBe('PROTOCOL_VIOLATION');
  });

  it('keep a text above 65,535 bytes and a frame above the limit from being written', () => {
    const hello = (token: string): Request => ({ type: 'hello', protocolVersion: 1, client: '', token });
    expect(refusalOf(hello('x'.repeat(65_535)))).toBeUndefined();
    expect(() => encodeRequest(1, hello('é'.repeat(32_768)))).toThrow(
      expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' }),
    );

    const around = Buffer.concat(
      encodeRequest(1, commit({ ...columnsOf([{ topic: 't', recordCount: 1, payload: Buffer.alloc(0) }]) })),
    );
    const append = (bytes: number) =>
      commit({ ...columnsOf([{ topic: 't', recordCount: 1, payload: Buffer.alloc(bytes) }]) });
    const room = FRAME_BYTES_MAX - around.byteLength;
    expect(refusalOf(append(room))).toBeUndefined();
    expect(() => encodeRequest(1, append(room + 1))).toThrow(expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' }));
  });

  it('leave a text as its bytes are, with a byte-order mark and with U+FFFD', () => {
    for (const text of ['\ufeffname', '\ufffd', '\0', 'e\u0301', '\u{1f600}']) {
      const request: Request = { type: 'read-positions', group: text, topic: '' };
      expect(decodeRequest(frameOf(encodeRequest(1, request)))).toEqual(request);
    }
  });

  it('keep an integer of 2^53 and a flag of 2 from being read', () => {
    const produced = frameOf(
      encodeResponse(1, { type: 'produced', baseOffset: Number.MAX_SAFE_INTEGER, timestampMs: 0, duplicate: false }),
    );
    const largest = Buffer.from(produced.body);
    expect(decodeResponse({ ...produced, body: largest })).toMatchObject({ baseOffset: Number.MAX_SAFE_INTEGER });

    const above = Buffer.from(largest);
    above.writeBigUInt64LE(2n ** 53n);
    expect(() => decodeResponse({ ...produced, body: above })).toThrow(/2\^53/);
    const flagged = Buffer.from(largest);
    flagged.writeUInt8(2, 16);
    expect(() => decodeResponse({ ...produced, body: flagged })).toThrow(/flag/);
  });
});
