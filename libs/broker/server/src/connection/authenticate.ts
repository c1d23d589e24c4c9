// The shared token of a broker.

import { SecretToken } from '@pulses/shared-settings';

/** Tells whether a client's token is the right one. */
export type Authenticator = (token: string) => boolean;

/** @param token undefined when the broker asks for none */
export function createAuthenticator(token: string | undefined): Authenticator {
  if (token === undefined) return () => true;
  const expected = new SecretToken(token);
  return (given) => expected.equals(Buffer.from(given));
}
