// Where things lie in the kernel's memory. The owner lays it out (see kernel-memory.ts) and hands the places over once, in
// this order.

/** Counters that both sides read and write: see kernel-memory.ts. */
export let counters: usize = 0;
export let tokens: usize = 0;
/** By number of bytes from 0 to 15: a mask of that many. */
export let masks: usize = 0;
/** By digits from 0 to 15: 10 to their power, as f64. */
export let powers: usize = 0;
/** Secret coefficients of the hash, u64. */
export let coefficients: usize = 0;
/** The start of a grouped line, with the id of offset 0. */
export let lineStart: usize = 0;
/** What follows the amount, up to the offset. */
export let lineMiddle: usize = 0;
/** How a line ends, behind the offset. */
export let lineEnd: usize = 0;
/** Ends of the messages, i32, as the source gives them. */
export let ends: usize = 0;
/** Grouped lines in source order, and for each its end (i32) and its tenant (u32). */
export let lines: usize = 0;
export let lineEnds: usize = 0;
export let lineTenants: usize = 0;
/** The same lines, tenant by tenant. */
export let grouped: usize = 0;
/** By tenant: lines and bytes, u32; zero between calls. */
export let tenantLines: usize = 0;
export let tenantBytes: usize = 0;
/** The runs of one tenant's lines in `grouped`: tenant, lines, bytes, u32 each. */
export let runs: usize = 0;
/** Rows of the delta. */
export let rowIds: usize = 0;
export let rowLimbs: usize = 0;
export let rowCounts: usize = 0;
export let rowFirstMs: usize = 0;
export let rowLastMs: usize = 0;
/** By key of the window: row + 1, or 0. */
export let rowOf: usize = 0;
/** By entry of the dictionary: key of the window + 1, or 0. */
export let bindings: usize = 0;
/** Hash table: hash (u32) and place of the entry (u32; 0 if free). */
export let slots: usize = 0;

/** Takes over the places, u32 each, from `block` on. */
export function setPlaces(block: usize): void {
  counters = load<u32>(block);
  tokens = load<u32>(block, 4);
  masks = load<u32>(block, 8);
  powers = load<u32>(block, 12);
  coefficients = load<u32>(block, 16);
  lineStart = load<u32>(block, 20);
  lineMiddle = load<u32>(block, 24);
  lineEnd = load<u32>(block, 28);
  ends = load<u32>(block, 32);
  lines = load<u32>(block, 36);
  lineEnds = load<u32>(block, 40);
  lineTenants = load<u32>(block, 44);
  grouped = load<u32>(block, 48);
  tenantLines = load<u32>(block, 52);
  tenantBytes = load<u32>(block, 56);
  runs = load<u32>(block, 60);
  rowIds = load<u32>(block, 64);
  rowLimbs = load<u32>(block, 68);
  rowCounts = load<u32>(block, 72);
  rowFirstMs = load<u32>(block, 76);
  rowLastMs = load<u32>(block, 80);
  rowOf = load<u32>(block, 84);
  bindings = load<u32>(block, 88);
  slots = load<u32>(block, 92);
}
