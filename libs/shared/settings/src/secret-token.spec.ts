import { describe, expect, it } from '@jest/globals';
import { SecretToken } from './secret-token';

const TOKEN = 'tök en-ü€';

describe('a secret token', () => {
  it('equals its own bytes', () => {
    expect(new SecretToken(TOKEN).equals(Buffer.from(TOKEN))).toBe(true);
  });

  it.each(['', 'x', TOKEN.slice(1), `${TOKEN}x`, TOKEN.toUpperCase()])('does not equal %j', (shown) => {
    expect(new SecretToken(TOKEN).equals(Buffer.from(shown))).toBe(false);
  });
});
