import { describe, expect, it } from '@jest/globals';
import { itWith } from '.';

describe('a test that needs a capability', () => {
  it('runs where the machine has it', () => {
    expect(itWith('mount', () => 'mount yes\n')).toBe(it);
  });

  it('shows as skipped where the machine lacks it', () => {
    expect(itWith('mount', () => 'mount no 1234 Error: must be superuser\n')).toBe(it.skip);
  });
});
