// The grouped lines and dead letters of one commit.
//
// Lines are written in source order into the first half of a buffer; at the end they are moved, tenant by tenant, into the
// second half, so a thousand tenants cost no more memory than one. The caller reuses a batch once its commit has settled.

import type { TenantOutput } from '@pulses/connector-api';
import {
  GROUPED_LINE_OVERHEAD_BYTES,
  writeGroupedLine,
  type DeadLetterReason,
  type GroupedIds,
  type KeyFields,
} from '@pulses/shared-pulse-model';

const LINE_BYTES_TYPICAL = 128;

export interface BatchOutputs {
  readonly grouped: TenantOutput[];
  readonly deadLetters: { readonly recordCount: number; readonly payload: Uint8Array } | undefined;
}

export class OutputBatch {
  private readonly buffer: Buffer;
  private readonly lineEnds: Int32Array;
  private readonly lineTenants: Int32Array;
  private lineCount = 0;
  private usedBytes = 0;
  private deadLetters: Buffer[] = [];
  private deadLetterReasons: DeadLetterReason[] = [];
  private deadLetterBytes = 0;
  /** By tenant index: lines and bytes in this batch; zero between batches. */
  private tenantLines = new Int32Array(1024);
  private tenantBytes = new Int32Array(1024);

  /** @param bytesMax limit on grouped lines and dead letters together; a single dead letter may exceed it */
  constructor(private readonly bytesMax: number) {
    this.buffer = Buffer.allocUnsafeSlow(2 * bytesMax);
    const linesMax = Math.ceil(bytesMax / LINE_BYTES_TYPICAL);
    this.lineEnds = new Int32Array(linesMax);
    this.lineTenants = new Int32Array(linesMax);
  }

  get isEmpty(): boolean {
    return this.lineCount === 0 && this.deadLetters.length === 0;
  }

  /** Number of grouped lines. */
  get lines(): number {
    return this.lineCount;
  }

  /** One for each dead letter. */
  get reasons(): readonly DeadLetterReason[] {
    return this.deadLetterReasons;
  }

  /** True when a line with `keyFieldsBytes` of key fields fits. */
  hasRoomFor(keyFieldsBytes: number): boolean {
    return (
      this.lineCount < this.lineEnds.length &&
      this.usedBytes + this.deadLetterBytes + GROUPED_LINE_OVERHEAD_BYTES + keyFieldsBytes <= this.bytesMax
    );
  }

  /** True when the dead letters alone fill it. */
  get isFull(): boolean {
    return this.usedBytes + this.deadLetterBytes >= this.bytesMax;
  }

  addGrouped(
    tenant: number,
    ids: GroupedIds,
    offset: number,
    keyFields: KeyFields,
    key: number,
    amount: Float64Array,
    timestampS: number,
  ): void {
    this.usedBytes = writeGroupedLine(this.buffer, this.usedBytes, ids, offset, keyFields, key, amount, 0, timestampS);
    this.lineEnds[this.lineCount] = this.usedBytes;
    this.lineTenants[this.lineCount] = tenant;
    this.lineCount += 1;
  }

  addDeadLetter(line: Buffer, reason: DeadLetterReason): void {
    this.deadLetters.push(line);
    this.deadLetterReasons.push(reason);
    this.deadLetterBytes += line.byteLength;
  }

  /** The outputs, as views of this batch's buffer: valid until `clear`. `tenants` are the names by index. */
  finish(tenants: readonly string[]): BatchOutputs {
    return {
      grouped: this.groupByTenant(tenants),
      deadLetters:
        this.deadLetters.length === 0
          ? undefined
          : { recordCount: this.deadLetters.length, payload: Buffer.concat(this.deadLetters) },
    };
  }

  clear(): void {
    this.lineCount = 0;
    this.usedBytes = 0;
    this.deadLetters = [];
    this.deadLetterReasons = [];
    this.deadLetterBytes = 0;
  }

  /** A counting sort: sizes by tenant, then places, then one move for each line. */
  private groupByTenant(tenants: readonly string[]): TenantOutput[] {
    if (tenants.length > this.tenantLines.length) {
      this.tenantLines = new Int32Array(tenants.length * 2);
      this.tenantBytes = new Int32Array(tenants.length * 2);
    }
    const { buffer, lineEnds, lineTenants, tenantLines, tenantBytes } = this;
    const touched: number[] = [];
    for (let line = 0, start = 0; line < this.lineCount; line += 1) {
      const tenant = lineTenants[line] as number;
      if (tenantLines[tenant] === 0) touched.push(tenant);
      tenantLines[tenant] = (tenantLines[tenant] as number) + 1;
      const end = lineEnds[line] as number;
      tenantBytes[tenant] = (tenantBytes[tenant] as number) + end - start;
      start = end;
    }
    let place = this.bytesMax;
    const outputs = touched.map((tenant) => {
      const bytes = tenantBytes[tenant] as number;
      const output = {
        tenant: tenants[tenant] as string,
        recordCount: tenantLines[tenant] as number,
        payload: buffer.subarray(place, place + bytes),
      };
      // From here on it is the place of the tenant's next line.
      tenantBytes[tenant] = place;
      place += bytes;
      return output;
    });
    for (let line = 0, start = 0; line < this.lineCount; line += 1) {
      const tenant = lineTenants[line] as number;
      const end = lineEnds[line] as number;
      const target = tenantBytes[tenant] as number;
      buffer.copyWithin(target, start, end);
      tenantBytes[tenant] = target + end - start;
      start = end;
    }
    for (const tenant of touched) {
      tenantLines[tenant] = 0;
      tenantBytes[tenant] = 0;
    }
    return outputs;
  }
}
