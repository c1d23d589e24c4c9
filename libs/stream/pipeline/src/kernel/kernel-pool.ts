// Keeps the memory of a kernel that has ended for the next one, since a new one is large and moves the garbage collector.
//
// Bounds: one memory.

import type { IngestKernelOptions } from './ingest-kernel';
import { KernelMemory } from './kernel-memory';
import { instantiateKernel, type KernelExports } from './kernel-module';

/** A kernel's memory and its code on it. */
export interface KernelInstance {
  readonly memory: KernelMemory;
  readonly exports: KernelExports;
}

type Limits = IngestKernelOptions['limits'];

export class KernelPool {
  #spare: { readonly limits: Limits; readonly instance: KernelInstance } | undefined;

  /** An instance without keys, bindings, lines and rows. */
  take({ commitBytes, deltaRowsMax, openKeysMax }: Limits): KernelInstance {
    const spare = this.#spare;
    if (
      spare?.limits.commitBytes === commitBytes &&
      spare.limits.deltaRowsMax === deltaRowsMax &&
      spare.limits.openKeysMax === openKeysMax
    ) {
      this.#spare = undefined;
      return spare.instance;
    }
    const memory = new KernelMemory({ commitBytes, deltaRowsMax, openKeysMax });
    const exports = instantiateKernel(memory.memory);
    exports.setPlaces(memory.placeOf('block'));
    return { memory, exports };
  }

  /** Takes back an instance that `take` gave, emptied; nothing may use it any more. */
  giveBack(limits: Limits, instance: KernelInstance): void {
    this.#spare = { limits, instance };
  }
}
