// The constants that the kernel in WebAssembly reads from its memory.

import type { Random } from '@pulses/shared-ports';
import { createGroupedIds, type SourceId } from '@pulses/shared-pulse-model';
import type { KernelMemory } from './kernel-memory';

/** Keys of a pulse and the bits of their fields, in the order in which they usually stand; see assembly/parse.ts. */
const TOKENS: readonly (readonly [name: string, field: number])[] = [
  ['tenant_id', 1],
  ['product_sku', 2],
  ['used_ammount', 8],
  ['use_unity', 4],
  ['timestamp', 32],
  ['pulse_id', 16],
  ['used_amount', 8],
  ['use_unit', 4],
];
const TOKEN_BYTES = 48;
const TOKEN_TEXT_BYTES = 16;

/** Writes everything that stays the same in a session, and answers the length of a line's end. `random` draws the secret of the key table. */
export function writeTables(memory: KernelMemory, source: SourceId, random: Random): number {
  const { bytes } = memory;
  TOKENS.forEach(([name, field], index) => {
    const at = memory.placeOf('tokens') + index * TOKEN_BYTES;
    const length = bytes.write(`"${name}":`, at, 'latin1');
    bytes.fill(0xff, at + TOKEN_TEXT_BYTES, at + TOKEN_TEXT_BYTES + length);
    bytes.writeUInt32LE(length, at + 2 * TOKEN_TEXT_BYTES);
    bytes.writeUInt32LE(field, at + 2 * TOKEN_TEXT_BYTES + 4);
  });
  for (let count = 0; count < 16; count += 1) {
    const at = memory.placeOf('masks') + 16 * count;
    bytes.fill(0xff, at, at + count);
    bytes.writeDoubleLE(10 ** count, memory.placeOf('powers') + 8 * count);
  }
  const coefficients = memory.placeOf('coefficients');
  bytes.set(random.bytes(memory.endOf('coefficients') - coefficients), coefficients);
  const at = bytes.write('{"object_id":"', memory.placeOf('lineStart'), 'latin1') + memory.placeOf('lineStart');
  const ids = createGroupedIds(source);
  const behindId = ids.write(0, bytes, at);
  bytes.write('",', behindId, 'latin1');
  bytes.write(',"used_amount":', memory.placeOf('lineStart') + 64, 'latin1');
  return memory.writeLineEnd(ids.lineEnd);
}
