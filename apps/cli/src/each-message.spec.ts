import { describe, expect, it } from '@jest/globals';
import { forEachMessage } from './each-message';

const messagesOf = (text: string) => {
  const payload = Buffer.from(text);
  const messages: [number, string][] = [];
  forEachMessage(payload, (start, end, index) => messages.push([index, payload.toString('utf8', start, end)]));
  return messages;
};

describe('the messages of a payload', () => {
  it('are visited in order, each without its line feed, and the last one as well', () => {
    expect(messagesOf('one\nzwölf\n3\n')).toEqual([
      [0, 'one'],
      [1, 'zwölf'],
      [2, '3'],
    ]);
  });

  it('are none in an empty payload', () => {
    expect(messagesOf('')).toEqual([]);
  });
});
