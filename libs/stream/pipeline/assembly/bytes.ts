// Copies and compares 16 bytes at a time.

import { masks } from './memory';

/** Whether `bytes` bytes at two places are equal. Reads up to 15 more. */
export function areEqual(left: usize, right: usize, bytes: usize): bool {
  let at: usize = 0;
  for (; at + 16 <= bytes; at += 16)
    if (v128.any_true(v128.xor(v128.load(left + at), v128.load(right + at)))) return false;
  const rest = v128.xor(v128.load(left + at), v128.load(right + at));
  return !v128.any_true(v128.and(rest, v128.load(masks + ((bytes & 15) << 4))));
}

/** Copies `bytes` bytes and up to 15 more; answers the place behind the `bytes`. */
export function copyOver(from: usize, to: usize, bytes: usize): usize {
  for (let at: usize = 0; at < bytes; at += 16) v128.store(to + at, v128.load(from + at));
  return to + bytes;
}

/** Copies exactly `bytes` bytes, at least 16: some of the last 16 may be copied twice. */
export function copyExactly(from: usize, to: usize, bytes: usize): void {
  const last = bytes - 16;
  for (let at: usize = 0; at < last; at += 16) v128.store(to + at, v128.load(from + at));
  v128.store(to + last, v128.load(from + last));
}
