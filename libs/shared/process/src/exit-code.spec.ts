import { describe, expect, it } from '@jest/globals';
import { errorLine, exitCodeOf } from './exit-code';

describe('exit codes', () => {
  it('are 1 for any error that is not a PulsesError', () => {
    expect([new Error('x'), 'x', undefined, { code: 'CONFIG_INVALID' }].map(exitCodeOf)).toEqual([1, 1, 1, 1]);
  });

  it('come with one line for any thrown value', () => {
    expect([new Error('a \n b\r\nc'), 'text', undefined].map(errorLine)).toEqual(['a b c', 'text', 'undefined']);
  });
});
