import { describe, expect, it } from '@jest/globals';
import { AuthenticationError, NetworkError, ResponseError } from '@platformatic/kafka';
import { asPulsesError, kafkaCodeOf, nextStep, throwOn } from './errors';

const caught = (code: number): unknown => {
  try {
    throwOn(code, 'the transaction was refused');
  } catch (error) {
    return error;
  }
  return undefined;
};

describe('an error code of Kafka', () => {
  it.each([
    [47, 'FENCED'],
    [90, 'FENCED'],
    [22, 'FENCED'],
    [25, 'FENCED'],
    [113, 'FENCED'],
    [3, 'TOPIC_UNKNOWN'],
    [100, 'TOPIC_UNKNOWN'],
    [1, 'OFFSET_OUT_OF_RANGE'],
    [10, 'MESSAGE_TOO_LARGE'],
    [29, 'ACCESS_REFUSED'],
    [51, 'CONNECTION_LOST'],
    [6, 'CONNECTION_LOST'],
    [2, 'PROTOCOL_VIOLATION'],
  ])('%i is %s, from our own codecs and from those of the library', (code, expected) => {
    expect(asPulsesError(caught(code))).toMatchObject({ code: expected });
    expect(asPulsesError(new ResponseError(0, 9, { '/': [code, null] }, {}))).toMatchObject({ code: expected });
  });

  it('that is unknown is a violation of the protocol, with its number', () => {
    expect(kafkaCodeOf(caught(32_000))).toBe(32_000);
    expect(asPulsesError(caught(32_000))).toMatchObject({ code: 'PROTOCOL_VIOLATION' });
    expect(asPulsesError(caught(32_000)).message).toBe('the transaction was refused: error 32000');
  });

  it('is asked again when it passes, and elsewhere when the broker is the wrong one', () => {
    const step = (code: number) => nextStep(caught(code));
    expect([51, 88, 14].map(step)).toEqual(['again', 'again', 'again']);
    expect([6, 16, 41].map(step)).toEqual(['elsewhere', 'elsewhere', 'elsewhere']);
    expect([47, 3, 29, 48, 120].map(step)).toEqual(['none', 'none', 'none', 'none', 'none']);
    expect(nextStep(asPulsesError(caught(48)))).toBe('none');
    expect(nextStep(new NetworkError('gone'))).toBe('elsewhere');
    expect(nextStep(new AuthenticationError('no'))).toBe('none');
  });

  it('that an operator may have to end names what to read', () => {
    const answered = new ResponseError(9, 8, { '/groups/0/topics/0': [88, null] }, {});
    for (const error of [caught(88), answered]) {
      const { message } = asPulsesError(error);
      expect(message).toMatch(
        /UNSTABLE_OFFSET_COMMIT.* for minutes.* docs\/kafka\.md, 'A transaction that never ends'$/,
      );
    }
    expect(asPulsesError(caught(51)).message).not.toMatch(/docs/);
  });

  it('none is no error', () => {
    expect(caught(0)).toBeUndefined();
  });
});

describe('a failure without an answer', () => {
  it('is a lost connection, or a refused login', () => {
    expect(asPulsesError(new NetworkError('gone'))).toMatchObject({ code: 'CONNECTION_LOST', retriable: true });
    expect(asPulsesError(new AuthenticationError('no'))).toMatchObject({ code: 'ACCESS_REFUSED' });
    expect(asPulsesError(new TypeError('odd'))).toMatchObject({ code: 'CONNECTION_LOST' });
  });
});
