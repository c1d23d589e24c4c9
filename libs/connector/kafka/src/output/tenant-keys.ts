// Record keys and partitions of tenants, by their index in the pipeline's list.
//
// Guarantees: a key is the tenant id itself, so other producers that key by tenant agree on the partition. A tenant whose
// encoded name is a hash keeps that name. Bounds: an entry for each tenant of a list; another list forgets the one before.

import { partitionOf } from './murmur2';

export class TenantKeys {
  readonly #partitionCount: number;
  #tenants: readonly string[] = [];
  #keys: Buffer[] = [];
  #partitions: number[] = [];

  constructor(partitionCount: number) {
    this.#partitionCount = partitionCount;
  }

  /** Makes `key` and `partition` answer for this list. */
  use(tenants: readonly string[]): void {
    if (tenants === this.#tenants) return;
    this.#tenants = tenants;
    this.#keys = [];
    this.#partitions = [];
  }

  key(index: number): Buffer {
    return this.#keys[index] ?? this.#learn(index);
  }

  partition(index: number): number {
    if (this.#partitions[index] === undefined) this.#learn(index);
    return this.#partitions[index]!; // learnt
  }

  #learn(index: number): Buffer {
    const key = tenantKey(this.#tenants[index]!); // an index of the list
    this.#keys[index] = key;
    this.#partitions[index] = partitionOf(key, this.#partitionCount);
    return key;
  }
}

/** @param encoded as `encodeTenant` gives it; the text of a hash stays, since it names no tenant */
export function tenantKey(encoded: string): Buffer {
  const bytes = encoded.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1');
}
