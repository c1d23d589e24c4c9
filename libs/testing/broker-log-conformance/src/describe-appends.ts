import { describe, expect, it } from '@jest/globals';
import { FRAME_BYTES_MAX, MESSAGE_BYTES_MAX, TOPIC_NAME_BYTES_MAX } from '@pulses/broker-wire';
import type { BrokerLogFactory } from './harness';
import { append, codeOf, namesOf, publish, readFrom, textsOf } from './probe';

const INVALID_TOPICS = [
  ['an empty one', ''],
  ['one with a line feed', 'a\nb'],
  ['one with a control character', 'a\u0085'],
  ['one with a lone surrogate', '\ud800'],
  ['one too long', 'é'.repeat(TOPIC_NAME_BYTES_MAX / 2 + 1)],
] as const;

export function describeAppends(start: BrokerLogFactory): void {
  describe('append', () => {
    it('gives each topic dense offsets from 0, in the order of the calls', async () => {
      const { log } = await start();
      const results = await Promise.all([
        publish(log, 'a', ['1', '2']),
        publish(log, 'b', ['x']),
        publish(log, 'a', ['3']),
        publish(log, 'a', ['4', '5', '6']),
        publish(log, 'b', ['y']),
      ]);
      expect(results.map(({ baseOffset, duplicate }) => [baseOffset, duplicate])).toEqual([
        [0, false],
        [0, false],
        [2, false],
        [3, false],
        [1, false],
      ]);
      expect(await textsOf(log, 'a')).toEqual(['1', '2', '3', '4', '5', '6']);
      expect(await textsOf(log, 'b')).toEqual(['x', 'y']);
      expect(await publish(log, 'a', ['7'])).toMatchObject({ baseOffset: 6 });
    });

    it('keeps every byte of a message', async () => {
      const { log, settle } = await start();
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => byte !== 10));
      await log.append({ topic: 'a', recordCount: 1, payload: Buffer.concat([bytes, Buffer.from('\n')]) });
      expect(await textsOf(log, 'a')).toEqual([bytes.toString('latin1')]);
      await settle();
      expect(await textsOf(log, 'a')).toEqual([bytes.toString('latin1')]);
    });

    it('does not look at the payload once it has answered', async () => {
      const { log, settle } = await start();
      const request = append('a', 'message');
      await log.append(request);
      request.payload.fill(0);
      expect(await textsOf(log, 'a')).toEqual(['message']);
      await settle();
      expect(await textsOf(log, 'a')).toEqual(['message']);
    });

    it.each([
      ['no message', 0, ''],
      ['fewer messages than announced', 2, '1\n'],
      ['more messages than announced', 1, '1\n2\n'],
      ['an unterminated message', 1, '1'],
      ['an empty message', 2, '1\n\n'],
    ])('refuses %s with PROTOCOL_VIOLATION and stores nothing', async (_, recordCount, text) => {
      const { log } = await start();
      const refused = log.append({ topic: 'a', recordCount, payload: Buffer.from(text) });
      expect(await codeOf(refused)).toBe('PROTOCOL_VIOLATION');
      expect(namesOf(log)).toEqual([]);
    });

    it('takes a message of MESSAGE_BYTES_MAX and refuses a longer one', async () => {
      const { log } = await start();
      const longest = 'x'.repeat(MESSAGE_BYTES_MAX);
      expect(await codeOf(publish(log, 'a', [`${longest}x`]))).toBe('MESSAGE_TOO_LARGE');
      expect(await publish(log, 'a', [longest])).toMatchObject({ baseOffset: 0 });
      expect((await textsOf(log, 'a')).map(({ length }) => length)).toEqual([MESSAGE_BYTES_MAX]);
    });

    it('refuses a payload above FRAME_BYTES_MAX', async () => {
      const { log } = await start();
      const messages = Array.from({ length: 5 }, () => 'x'.repeat(FRAME_BYTES_MAX / 5));
      expect(await codeOf(publish(log, 'a', messages))).toBe('MESSAGE_TOO_LARGE');
    });

    it.each(INVALID_TOPICS)('refuses the topic name with TOPIC_INVALID: %s', async (_, topic) => {
      const { log } = await start();
      expect(await codeOf(publish(log, topic, ['1']))).toBe('TOPIC_INVALID');
      expect(namesOf(log)).toEqual([]);
    });

    it('gives a refused request no offset and stores what follows it', async () => {
      const { log } = await start();
      const results = await Promise.all([
        codeOf(publish(log, 'a', ['1'])),
        codeOf(log.append({ topic: 'a', recordCount: 1, payload: Buffer.from('x') })),
        codeOf(publish(log, 'a', ['2'])),
      ]);
      expect(results).toEqual(['stored', 'PROTOCOL_VIOLATION', 'stored']);
      expect((await readFrom(log, 'a', 0)).map(({ offset, text }) => [offset, text])).toEqual([
        [0, '1'],
        [1, '2'],
      ]);
    });

    it('refuses with OVERLOADED what exceeds the bytes that may wait, and keeps what waits', async () => {
      const { log, holdDisk, releaseDisk } = await start({ pendingBytesMax: 10_000 });
      const text = 'x'.repeat(6_000);
      holdDisk();
      const first = codeOf(publish(log, 'a', [text]));
      expect(await codeOf(publish(log, 'a', [text]))).toBe('OVERLOADED');
      releaseDisk();
      expect(await first).toBe('stored');
      expect(await codeOf(publish(log, 'a', [text]))).toBe('stored');
      expect(await textsOf(log, 'a')).toEqual([text, text]);
    });

    it('refuses with OVERLOADED a topic beyond the number allowed, and still stores in the others', async () => {
      const { log } = await start({ topicsMax: 2 });
      await publish(log, 'a', ['1']);
      const calls = [publish(log, 'b', ['1']), publish(log, 'c', ['1']), publish(log, 'a', ['2'])];
      expect(await Promise.all(calls.map(codeOf))).toEqual(['stored', 'OVERLOADED', 'stored']);
      expect(namesOf(log)).toEqual(['a', 'b']);
      await log.deleteTopics(['b']);
      expect(await codeOf(publish(log, 'c', ['1']))).toBe('stored');
    });
  });
}
