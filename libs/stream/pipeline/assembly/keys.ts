// The table of known keys: open addressing with linear probing, at most half full. A key is three labels; it is found exactly
// when their bytes are equal.
//
// An entry, aligned to 64 bytes, so that a usual key and its fields take two lines of the cache:
//
//   0    u64  lengths of tenant, SKU and unit, 16 bits each
//   8    u32  number of the entry in the dictionary
//   12   u32  tenant
//   16   u32  length of the key fields
//   20   u32  hash
//   24   u32  window in which the entry was met last
//   28   u32  its key in this window + 1
//   32   key fields: "tenant_id":"…","product_sku":"…","use_unit":"…". They hold the labels as a usual line has them.
//
// The hash is multilinear over words of 32 bits, with a secret 64-bit coefficient for each word and each length. Two
// keys share its 32 bits with a probability of 2^-32 (Lemire and Kaser, "Strongly universal string hashing is fast",
// 2014).

import { areEqual } from './bytes';
import { bindings, coefficients, slots } from './memory';

const SLOTS_AT_FIRST_LOG2: u32 = 10;
const ALIGNMENT: usize = 64;
export const FIELDS_AT: usize = 32;
/** Places of the labels in the key fields: behind `"tenant_id":"`, `","product_sku":"` and `","use_unit":"`. */
const TENANT_AT: usize = FIELDS_AT + 13;
const SKU_GAP: usize = 17;
const UNIT_GAP: usize = 14;

let slotShift: u32 = 0;
let slotMask: u32 = 0;
let keyCount: u32 = 0;
/** Entries lie in `[first, free)`, and may lie up to `freeEnd`. */
let first: usize = 0;
let free: usize = 0;
let freeEnd: usize = 0;
/** Number of the window. */
let window: u32 = 0;

/** Empties the table, which has room for entries in `[start, end)`. */
export function resetKeys(start: usize, end: usize): void {
  first = start;
  free = start;
  freeEnd = end;
  keyCount = 0;
  setSlots(SLOTS_AT_FIRST_LOG2);
}

/** From now on keys are those of another window, as `bindings` has them. */
export function startWindow(): void {
  window += 1;
}

function setSlots(log2: u32): void {
  slotShift = 32 - log2;
  slotMask = (1 << log2) - 1;
  memory.fill(slots, 0, (<usize>8) << log2);
}

/** The entry of a key, or 0. */
export function findKey(
  tenantAt: usize,
  tenantEnd: usize,
  skuAt: usize,
  skuEnd: usize,
  unitAt: usize,
  unitEnd: usize,
): usize {
  const tenantBytes = tenantEnd - tenantAt;
  const skuBytes = skuEnd - skuAt;
  const unitBytes = unitEnd - unitAt;
  const lengths = lengthsOf(tenantBytes, skuBytes, unitBytes);
  const hash = hashOf(tenantAt, tenantBytes, skuAt, skuBytes, unitAt, unitBytes);
  let slot = hash >> slotShift;
  let entry = entryAt(slot);
  while (entry != 0) {
    if (hashAt(slot) == hash && load<u64>(entry) == lengths) {
      const ownTenant = entry + TENANT_AT;
      const ownSku = ownTenant + tenantBytes + SKU_GAP;
      const ownUnit = ownSku + skuBytes + UNIT_GAP;
      if (
        areEqual(ownTenant, tenantAt, tenantBytes) &&
        areEqual(ownSku, skuAt, skuBytes) &&
        areEqual(ownUnit, unitAt, unitBytes)
      )
        break;
    }
    slot = (slot + 1) & slotMask;
    entry = entryAt(slot);
  }
  return entry;
}

/** The entry's key in this window + 1; 0 when the window does not have it yet. */
export function keyInWindow(entry: usize): u32 {
  if (load<u32>(entry, 24) == window) return load<u32>(entry, 28);
  const key = load<u32>(bindings + ((<usize>load<u32>(entry, 8)) << 2));
  if (key != 0) {
    store<u32>(entry, window, 24);
    store<u32>(entry, key, 28);
  }
  return key;
}

/** The place for the key fields of the next `addKey`, or 0 when there is no room. */
export function placeOfFields(fieldsBytes: u32): usize {
  return free + sizeOf(fieldsBytes) > freeEnd ? 0 : free + FIELDS_AT;
}

/** Adds a key that the table does not have. Its fields stand at `placeOfFields`. */
export function addKey(
  tenantBytes: u32,
  skuBytes: u32,
  unitBytes: u32,
  number: u32,
  tenant: u32,
  fieldsBytes: u32,
): void {
  const entry = free;
  free += sizeOf(fieldsBytes);
  const tenantAt = entry + TENANT_AT;
  const skuAt = tenantAt + tenantBytes + SKU_GAP;
  const unitAt = skuAt + skuBytes + UNIT_GAP;
  store<u64>(entry, lengthsOf(tenantBytes, skuBytes, unitBytes));
  store<u32>(entry, number, 8);
  store<u32>(entry, tenant, 12);
  store<u32>(entry, fieldsBytes, 16);
  store<u32>(entry, hashOf(tenantAt, tenantBytes, skuAt, skuBytes, unitAt, unitBytes), 20);
  store<u32>(entry, 0, 24);
  keyCount += 1;
  if (keyCount << 1 > slotMask + 1) growSlots();
  else place(entry);
}

/** Doubles the slots and places all entries again. */
function growSlots(): void {
  setSlots(33 - slotShift);
  for (let entry = first; entry < free; entry += sizeOf(load<u32>(entry, 16))) place(entry);
}

function place(entry: usize): void {
  const hash = load<u32>(entry, 20);
  let slot = hash >> slotShift;
  while (entryAt(slot) != 0) slot = (slot + 1) & slotMask;
  const at = slots + ((<usize>slot) << 3);
  store<u32>(at, hash);
  store<u32>(at, <u32>entry, 4);
}

function hashAt(slot: u32): u32 {
  return load<u32>(slots + ((<usize>slot) << 3));
}

/** The entry of a slot, or 0. */
function entryAt(slot: u32): usize {
  return <usize>load<u32>(slots + ((<usize>slot) << 3), 4);
}

function sizeOf(fieldsBytes: u32): usize {
  return (FIELDS_AT + fieldsBytes + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

function lengthsOf(tenant: usize, sku: usize, unit: usize): u64 {
  return (<u64>tenant) | ((<u64>sku) << 16) | ((<u64>unit) << 32);
}

/** The coefficient of the next word. */
let coefficient: usize = 0;

function hashOf(
  tenantAt: usize,
  tenantBytes: usize,
  skuAt: usize,
  skuBytes: usize,
  unitAt: usize,
  unitBytes: usize,
): u32 {
  let sum = load<u64>(coefficients) * <u64>tenantBytes;
  sum += load<u64>(coefficients, 8) * <u64>skuBytes;
  sum += load<u64>(coefficients, 16) * <u64>unitBytes;
  coefficient = coefficients + 24;
  sum += hashOfRange(tenantAt, tenantAt + tenantBytes);
  sum += hashOfRange(skuAt, skuAt + skuBytes);
  sum += hashOfRange(unitAt, unitAt + unitBytes);
  return <u32>(sum >> 32);
}

function hashOfRange(start: usize, end: usize): u64 {
  let sum: u64 = 0;
  let factor = coefficient;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    sum += load<u64>(factor) * <u64>load<u32>(at);
    factor += 8;
  }
  const rest = end - at;
  if (rest != 0) {
    sum += load<u64>(factor) * <u64>(load<u32>(at) & (((<u32>1) << ((<u32>rest) << 3)) - 1));
    factor += 8;
  }
  coefficient = factor;
  return sum;
}
