// The token that HTTP clients show (RFC 6750).
//
// Guarantees: the time a comparison takes says nothing about the token, not even its length: digests are compared.

import { createHash, timingSafeEqual } from 'node:crypto';

const CREDENTIALS = /^Bearer +(\S.*)$/i;

/** The token of an HTTP server, which can change while it serves. */
export class BearerToken {
  #expected: Buffer | undefined;

  constructor(token: string | undefined) {
    this.set(token);
  }

  /** Replaces the token; undefined asks for none. */
  set(token: string | undefined): void {
    this.#expected = token === undefined ? undefined : digest(Buffer.from(token));
  }

  /**
   * What `WWW-Authenticate` answers; undefined when the client has shown the token, or none is asked for.
   *
   * @param authorization the header of the request, of which Node reads each byte as a character
   */
  challengeFor(authorization: string | undefined): string | undefined {
    if (this.#expected === undefined) return undefined;
    const [, shown] = CREDENTIALS.exec(authorization ?? '') ?? [];
    if (shown === undefined) return 'Bearer realm="pulses"';
    return timingSafeEqual(digest(Buffer.from(shown, 'latin1')), this.#expected)
      ? undefined
      : 'Bearer realm="pulses", error="invalid_token"';
  }
}

function digest(token: Buffer): Buffer {
  return createHash('sha256').update(token).digest();
}
