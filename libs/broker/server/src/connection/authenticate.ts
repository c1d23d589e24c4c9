// The shared token of a broker.
//
// Guarantees: the time a comparison takes says nothing about the token, not even its length: digests are compared.

import { createHash, timingSafeEqual } from 'node:crypto';

/** Tells whether a client's token is the right one. */
export type Authenticator = (token: string) => boolean;

/** @param token undefined when the broker asks for none */
export function createAuthenticator(token: string | undefined): Authenticator {
  if (token === undefined) return () => true;
  const expected = digest(token);
  return (given) => timingSafeEqual(digest(given), expected);
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token, 'utf8').digest();
}
