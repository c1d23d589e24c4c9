// The kernel's compiled code.

import { KERNEL_BASE64 } from './kernel-bytes';

/** What assembly/ingest-kernel.ts exports. Places are addresses in its memory. */
export interface KernelExports {
  setPlaces(block: number): void;
  resetKeys(start: number, end: number): void;
  startWindow(): void;
  placeOfFields(fieldsBytes: number): number;
  addKey(
    tenantBytes: number,
    skuBytes: number,
    unitBytes: number,
    entry: number,
    tenant: number,
    fieldsBytes: number,
  ): void;
  take(
    from: number,
    to: number,
    start: number,
    shift: number,
    gap: number,
    firstOffset: number,
    timestampMs: number,
    writes: number,
    sums: number,
    roomEnd: number,
    rowsMax: number,
    middleBytes: number,
    endBytes: number,
  ): number;
  group(): number;
}

/** Compiled once; undefined where the machine or a flag of Node rules it out. */
const compiled = compile();

function compile(): WebAssembly.Module | undefined {
  const bytes = Buffer.from(KERNEL_BASE64, 'base64');
  return typeof WebAssembly === 'object' && WebAssembly.validate(bytes) ? new WebAssembly.Module(bytes) : undefined;
}

/** True when `instantiateKernel` works: WebAssembly with SIMD. */
export const hasKernel = compiled !== undefined;

/** @throws TypeError where `hasKernel` is false */
export function instantiateKernel(memory: WebAssembly.Memory): KernelExports {
  if (compiled === undefined) throw new TypeError('this machine has no WebAssembly with SIMD');
  return new WebAssembly.Instance(compiled, { env: { memory } }).exports as KernelExports;
}
