// The outputs of the commit that is being filled: grouped lines and dead letters.

import type { TenantColumns } from '@pulses/connector-api';
import { GROUPED_LINE_OVERHEAD_BYTES, type DeadLetterReason, type GroupedIds } from '@pulses/shared-pulse-model';
import type { WindowKeys } from '../windows/window-keys';
import type { LineStage } from './line-stage';

export interface BatchOutputs {
  readonly grouped: TenantColumns | undefined;
  readonly deadLetters: { readonly recordCount: number; readonly payload: Uint8Array } | undefined;
}

export class OutputBatch {
  readonly lines: LineStage;
  readonly #bytesMax: number;
  #deadLetters: Buffer[] = [];
  #reasons: DeadLetterReason[] = [];
  #deadLetterBytes = 0;

  /** @param bytesMax limit on grouped lines and dead letters together; a single dead letter may exceed it */
  constructor(lines: LineStage, bytesMax: number) {
    this.lines = lines;
    this.#bytesMax = bytesMax;
  }

  get isEmpty(): boolean {
    return this.lines.length === 0 && this.#deadLetters.length === 0;
  }

  /** One for each dead letter. */
  get reasons(): readonly DeadLetterReason[] {
    return this.#reasons;
  }

  /** A line with n bytes of key fields fits while the lines have at most this many bytes less n. */
  get roomEnd(): number {
    return this.#bytesMax - this.#deadLetterBytes - GROUPED_LINE_OVERHEAD_BYTES;
  }

  /** True when a line with `keyFieldsBytes` of key fields fits. */
  hasRoomFor(keyFieldsBytes: number): boolean {
    return this.lines.usedBytes + keyFieldsBytes <= this.roomEnd;
  }

  /** True when the dead letters alone fill it. */
  get isFull(): boolean {
    return this.lines.usedBytes + this.#deadLetterBytes >= this.#bytesMax;
  }

  addGrouped(
    ids: GroupedIds,
    offset: number,
    keys: WindowKeys,
    id: number,
    amount: Float64Array,
    timestampS: number,
  ): void {
    this.lines.addGrouped(ids, offset, keys, id, amount, timestampS);
  }

  addDeadLetter(line: Buffer, reason: DeadLetterReason): void {
    this.#deadLetters.push(line);
    this.#reasons.push(reason);
    this.#deadLetterBytes += line.byteLength;
  }

  /**
   * Takes the outputs out; the batch is empty then. Grouped lines are views of `target`, which has room for all of them.
   * @param tenants names by the indexes that the keys give
   */
  finish(tenants: readonly string[], target: Buffer): BatchOutputs {
    const grouped = this.lines.take(tenants, target);
    const deadLetters =
      this.#deadLetters.length === 0
        ? undefined
        : { recordCount: this.#deadLetters.length, payload: Buffer.concat(this.#deadLetters) };
    this.#deadLetters = [];
    this.#reasons = [];
    this.#deadLetterBytes = 0;
    return { grouped, deadLetters };
  }
}
