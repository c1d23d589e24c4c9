import { holdSignals, signalsOfBoot } from './early-signals';
import { reexecWithMemoryFlags } from './memory-flags';

/**
 * What a service does before the rest of its program is loaded. It starts again with its memory flags, unless it was
 * told to stop meanwhile. Then it holds signals until it listens for them. A module that does this is the first import
 * of its main.ts.
 */
export function beginService(): void {
  // A signal that is only noted here would be lost with this program.
  if (signalsOfBoot().length === 0) reexecWithMemoryFlags();
  holdSignals();
}
