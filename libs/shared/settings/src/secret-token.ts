// A token that clients show.
//
// Guarantees: the time a comparison takes says nothing about the token, not even its length: digests are compared.

import { createHash, timingSafeEqual } from 'node:crypto';

export class SecretToken {
  readonly #digest: Buffer;

  constructor(token: string) {
    this.#digest = digest(Buffer.from(token));
  }

  /** @param shown the bytes of a token, in UTF-8 */
  equals(shown: Uint8Array): boolean {
    return timingSafeEqual(digest(shown), this.#digest);
  }
}

function digest(token: Uint8Array): Buffer {
  return createHash('sha256').update(token).digest();
}
