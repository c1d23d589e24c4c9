// The token that HTTP clients show (RFC 6750).

import { SecretToken } from '@pulses/shared-settings';

const CREDENTIALS = /^Bearer +(\S.*)$/i;

/** The token of an HTTP server, which can change while it serves. */
export class BearerToken {
  #expected: SecretToken | undefined;

  constructor(token: string | undefined) {
    this.set(token);
  }

  /** Replaces the token; undefined asks for none. */
  set(token: string | undefined): void {
    this.#expected = token === undefined ? undefined : new SecretToken(token);
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
    return this.#expected.equals(Buffer.from(shown, 'latin1'))
      ? undefined
      : 'Bearer realm="pulses", error="invalid_token"';
  }
}
