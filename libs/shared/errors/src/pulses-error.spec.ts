import { describe, expect, it } from '@jest/globals';
import { ERROR_CATALOGUE, isErrorCode, type ErrorCode } from './catalogue';
import { isPulsesError, PulsesError } from './pulses-error';

const CODES = Object.keys(ERROR_CATALOGUE) as ErrorCode[];

describe('the error catalogue', () => {
  it.each(CODES)('describes the meaning and the action of %s in full sentences', (code) => {
    const { meaning, action } = ERROR_CATALOGUE[code];
    expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/);
    for (const sentence of [meaning, action]) expect(sentence).toMatch(/^[A-Z][^|\n]*\.$/);
  });

  it('contains its own codes and no inherited property', () => {
    expect(CODES.every(isErrorCode)).toBe(true);
    expect(['', 'FENCED ', 'fenced', 'toString', '__proto__', 'constructor'].filter(isErrorCode)).toEqual([]);
  });

  it('marks as retriable exactly the failures that can pass by themselves', () => {
    expect(CODES.filter((code) => ERROR_CATALOGUE[code].retriable)).toEqual([
      'STORAGE_FULL',
      'CONNECTION_LOST',
      'NOT_A_BROKER',
      'TIMED_OUT',
      'ACCESS_REFUSED',
      'LOG_UNSUITABLE',
      'OVERLOADED',
      'SHUTTING_DOWN',
    ]);
  });
});

describe('a Pulses error', () => {
  it('carries code, detail and cause', () => {
    const cause = new Error('below');
    const error = new PulsesError('STORAGE_FULL', 'no space for 5 bytes', { cause });
    expect(error).toMatchObject({
      name: 'PulsesError',
      code: 'STORAGE_FULL',
      message: 'no space for 5 bytes',
      retriable: true,
      cause,
    });
    expect(error).toBeInstanceOf(Error);
    expect(error.stack).toContain('PulsesError: no space for 5 bytes');
  });

  it('has the meaning of its code as its default message', () => {
    const error = new PulsesError('FENCED');
    expect(error.message).toBe(ERROR_CATALOGUE.FENCED.meaning);
    expect(error.retriable).toBe(false);
    expect(Object.hasOwn(error, 'cause')).toBe(false);
  });

  it('is final, so that no class can give a code another meaning', () => {
    class Lasting extends PulsesError {
      override get retriable(): boolean {
        return false;
      }
    }
    expect(() => new Lasting('OVERLOADED')).toThrow(TypeError);
  });

  it('is distinguished from other errors and by its code', () => {
    const error: unknown = new PulsesError('FENCED');
    expect(isPulsesError(error)).toBe(true);
    expect(isPulsesError(error, 'FENCED')).toBe(true);
    expect(isPulsesError(error, 'OVERLOADED')).toBe(false);
    for (const other of [
      Object.assign(new Error('x'), { code: 'FENCED' }),
      { code: 'FENCED' },
      'FENCED',
      undefined,
      null,
    ])
      expect(isPulsesError(other, 'FENCED')).toBe(false);
  });
});
