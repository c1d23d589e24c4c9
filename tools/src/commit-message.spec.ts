import { describe, expect, it } from '@jest/globals';
import { faultsOf } from './commit-message.mts';

const BODY = '\n\nReaders that lagged lost the tail, since it was dropped by age.\n';

describe('the form of a commit message', () => {
  it.each(['fix(broker-log): keep the tail when a reader lags', 'docs: name the limits', `test: ${'x'.repeat(66)}`])(
    'takes %s',
    (subject) => {
      expect(faultsOf(`${subject}${BODY}`)).toEqual([]);
    },
  );

  it.each([
    ['Keep the tail', 'type'],
    ['fixes(broker-log): keep the tail', 'type'],
    ['fix(Broker): keep the tail', 'type'],
    [`fix: ${'x'.repeat(68)}`, '73 characters'],
    ['fix: keep the tail; log the cause', 'semicolon'],
  ])('refuses %s', (subject, fault) => {
    expect(faultsOf(`${subject}${BODY}`)).toEqual([expect.stringContaining(fault)]);
  });

  it('asks for a body behind an empty line', () => {
    expect(faultsOf('fix: keep the tail\n')).toEqual([expect.stringContaining('no body')]);
    expect(faultsOf('fix: keep the tail\nSince it was dropped.\nBy age.\n')).toEqual(['the second line is not empty']);
  });
});
