import { describe, expect, it } from '@jest/globals';
import { BearerToken } from './bearer-token';

const TOKEN = 'tök en-ü€';
/** As Node reads the bytes of a header. */
const shown = (token: string) => Buffer.from(`Bearer ${token}`).toString('latin1');

describe('the token of an HTTP server', () => {
  it.each([shown(TOKEN), shown(TOKEN).replace('Bearer ', 'bearer  ')])('passes %j', (header) => {
    expect(new BearerToken(TOKEN).challengeFor(header)).toBeUndefined();
  });

  it.each([undefined, '', 'Bearer', 'Bearer ', 'Basic eDp5', TOKEN])('asks for a token after %j', (header) => {
    expect(new BearerToken(TOKEN).challengeFor(header)).toBe('Bearer realm="pulses"');
  });

  it.each(['x', TOKEN.slice(1), `${TOKEN}x`, TOKEN.toUpperCase()])('refuses the token %j', (token) => {
    expect(new BearerToken(TOKEN).challengeFor(shown(token))).toBe('Bearer realm="pulses", error="invalid_token"');
  });

  it('can change, and asks for none where none is set', () => {
    const token = new BearerToken(undefined);
    expect(token.challengeFor(undefined)).toBeUndefined();
    token.set('new');
    expect(token.challengeFor(undefined)).toBeDefined();
    expect(token.challengeFor('Bearer new')).toBeUndefined();
  });
});
