// What can be said about a request without knowing the state: sizes, names, and that payloads are messages.

import { PulsesError } from '@pulses/shared-errors';
import {
  checkPayload,
  FRAME_BYTES_MAX,
  GROUP_NAME_BYTES_MAX,
  METADATA_BYTES_MAX,
  POSITIONS_PER_COMMIT_MAX,
  type ProducerStamp,
  type TopicAppend,
} from '@pulses/broker-wire';
import { crc32 } from 'node:zlib';
import type { CommitRequest } from './broker-log';
import { checkColumns } from './columns-check';

const HEX_ID = /^[0-9a-f]{32}$/;
const CONTROL = /\p{Cc}/u;
const LONE_SURROGATE = /\p{Cs}/u;
const U32_MAX = 0xffff_ffff;

/** @throws PulsesError PROTOCOL_VIOLATION, MESSAGE_TOO_LARGE */
export function checkAppend(append: TopicAppend, messageBytesMax: number): void {
  if (append.payload.length > FRAME_BYTES_MAX) {
    throw new PulsesError('MESSAGE_TOO_LARGE', `a payload is above ${FRAME_BYTES_MAX} bytes`);
  }
  if (append.payloadCrc !== undefined && crc32(append.payload) !== append.payloadCrc) {
    throw new PulsesError('PROTOCOL_VIOLATION', 'a payload is not what its checksum says');
  }
  checkPayload(append.payload, append.recordCount, messageBytesMax);
}

/** @throws PulsesError PROTOCOL_VIOLATION */
export function checkProducer(producer: { id: string; epoch: number; sequence?: number }): void {
  const { id, epoch, sequence = 0 } = producer;
  if (!HEX_ID.test(id)) throw new PulsesError('PROTOCOL_VIOLATION', 'a producer id is not 32 hex digits');
  if (!isWhole(epoch, U32_MAX) || !isWhole(sequence, Number.MAX_SAFE_INTEGER)) {
    throw new PulsesError('PROTOCOL_VIOLATION', 'a producer epoch or sequence is out of range');
  }
}

/** @throws PulsesError PROTOCOL_VIOLATION */
export function checkName(what: string, name: string): void {
  const length = Buffer.byteLength(name);
  if (length === 0 || length > GROUP_NAME_BYTES_MAX || CONTROL.test(name) || LONE_SURROGATE.test(name)) {
    throw new PulsesError(
      'PROTOCOL_VIOLATION',
      `a ${what} is 1 to ${GROUP_NAME_BYTES_MAX} bytes without control characters`,
    );
  }
}

/** @throws PulsesError PROTOCOL_VIOLATION, MESSAGE_TOO_LARGE, TOPIC_INVALID */
export function checkCommit(request: CommitRequest): void {
  checkName('group', request.group);
  checkPositions(request.positions);
  checkColumns(request);
}

function checkPositions(positions: CommitRequest['positions']): void {
  if (positions.length > POSITIONS_PER_COMMIT_MAX) {
    throw new PulsesError('PROTOCOL_VIOLATION', 'a commit holds too many positions');
  }
  const names = new Set<string>();
  for (const { name, expectedRevision, offset, metadata } of positions) {
    checkName('position name', name);
    if (names.has(name)) throw new PulsesError('PROTOCOL_VIOLATION', `position ${name} is changed twice in a commit`);
    names.add(name);
    if (!isWhole(expectedRevision, Number.MAX_SAFE_INTEGER - 1) || !isWhole(offset, Number.MAX_SAFE_INTEGER)) {
      throw new PulsesError('PROTOCOL_VIOLATION', `position ${name} has a revision or offset out of range`);
    }
    if (Buffer.byteLength(metadata) > METADATA_BYTES_MAX || LONE_SURROGATE.test(metadata)) {
      throw new PulsesError(
        'PROTOCOL_VIOLATION',
        `the metadata of position ${name} is above ${METADATA_BYTES_MAX} bytes`,
      );
    }
  }
}

/** @throws PulsesError PROTOCOL_VIOLATION */
export function checkStamp(producer: ProducerStamp | undefined): void {
  if (producer !== undefined) checkProducer(producer);
}

function isWhole(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= max;
}
