import { describe, expect, it } from '@jest/globals';
import { createArena } from './arena';
import type { Entry } from './entries';
import { encodeFrame, readFrame } from './frame';

const HEADER = { lsn: 1, syncedUpTo: 0, timestampMs: 1_000, previousCrc: 0, seed: 7 };

function reread(entry: Entry): Entry | undefined {
  const { bytes } = encodeFrame(HEADER, [entry], createArena());
  return readFrame(bytes, 0, HEADER.seed)?.entries[0];
}

describe('a journal frame', () => {
  it.each(['plain', '\ufeffa byte order mark in front', 'ü€😀', '\ufffd', ''])('keeps the text %j as it is', (text) => {
    const positions = [{ name: text, offset: 3, revision: 2 ** 53 - 1, metadata: text }];
    const entry: Entry = { kind: 'positions-set', group: text, topicId: 1, positions };
    expect(reread(entry)).toEqual(entry);
  });
});
