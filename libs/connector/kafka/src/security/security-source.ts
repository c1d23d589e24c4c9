// The security of each new connection: read again every time, so that a replaced secret or certificate is used.
//
// Guarantees: once it has been read, it stays readable: what can't be read meanwhile keeps its last value. Bounds: reads
// once for all connections that open at the same time.

import type { KafkaSecurity } from './security';

export class SecuritySource {
  #last: KafkaSecurity;
  #reading: Promise<KafkaSecurity> | undefined;
  readonly #read: () => Promise<KafkaSecurity>;

  /** @param first what was read at the start */
  constructor(first: KafkaSecurity, read: () => Promise<KafkaSecurity>) {
    this.#last = first;
    this.#read = read;
  }

  /** Never rejects. */
  current(): Promise<KafkaSecurity> {
    this.#reading ??= this.#refresh();
    return this.#reading;
  }

  async #refresh(): Promise<KafkaSecurity> {
    try {
      this.#last = await this.#read();
    } catch {
      // A file that is being replaced. A secret that is really gone shows as a refusal by the broker.
    }
    this.#reading = undefined;
    return this.#last;
  }
}
