// The pipeline's two positions on its source, as the connector stores them.
//
//   grouped    next source offset whose grouped line or dead letter is not stored
//   windowed   first source offset of the oldest window whose sums are not all stored; its metadata, JSON, says which
//              window that is and how many of its keys are stored already: `order` "tenant" counts them in the order of
//              emission-block.ts, none in that of first appearance

import type { Position, Session } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { z } from 'zod';
import type { EmissionOrder } from './windows/emission-block';

export const GROUPED = 'grouped';
export const WINDOWED = 'windowed';

const windowProgressSchema = z.strictObject({
  window_start_ms: z.int().nonnegative(),
  window_ms: z.int().positive(),
  emitted_keys: z.int().positive(),
  order: z.literal('tenant').optional(),
});

/** A window of which some keys are emitted. */
export interface WindowProgress {
  readonly windowStartMs: number;
  readonly windowMs: number;
  readonly emittedKeys: number;
  readonly order: EmissionOrder;
}

export interface StoredPositions {
  readonly groupedOffset: number;
  readonly windowedOffset: number;
  readonly progress: WindowProgress | undefined;
}

/** Where a session starts to read, and what earlier sessions have already stored. */
export interface ResumePoint {
  readonly readFrom: number;
  /** Messages below it have their grouped line or dead letter. */
  readonly groupedOffset: number;
  /** Messages below it are in the engine's sums. */
  readonly summedOffset: number;
}

/** @param keptOffset everything below it is in the window that the engine has kept; undefined when it has kept none */
export function resumePointOf(
  { groupedOffset, windowedOffset }: StoredPositions,
  keptOffset: number | undefined,
): ResumePoint {
  const grouped = Math.max(groupedOffset, windowedOffset);
  return keptOffset === undefined
    ? { readFrom: windowedOffset, groupedOffset: grouped, summedOffset: windowedOffset }
    : { readFrom: Math.min(grouped, keptOffset), groupedOffset: grouped, summedOffset: keptOffset };
}

/** @throws PulsesError PROTOCOL_VIOLATION when the metadata is not ours */
export function readPositions({ positions, startOffset }: Pick<Session, 'positions' | 'startOffset'>): StoredPositions {
  const windowed = positions.get(WINDOWED);
  return {
    groupedOffset: positions.get(GROUPED)?.offset ?? startOffset,
    windowedOffset: windowed?.offset ?? startOffset,
    progress: windowed === undefined || windowed.metadata === '' ? undefined : parseProgress(windowed.metadata),
  };
}

/**
 * The positions that the first commit of a session has to add. Without `windowed` a log's retention sees only `grouped`,
 * and could remove messages of the open window, which the next session reads again after a crash.
 */
export function firstPositions({
  positions,
  startOffset,
}: Pick<Session, 'positions' | 'startOffset'>): ReadonlyMap<string, Position> {
  return new Map(positions.has(WINDOWED) ? [] : [[WINDOWED, windowedPosition(startOffset, undefined)]]);
}

export function groupedPosition(offset: number): Position {
  return { offset, metadata: '' };
}

export function windowedPosition(offset: number, progress: WindowProgress | undefined): Position {
  if (progress === undefined) return { offset, metadata: '' };
  const { windowStartMs, windowMs, emittedKeys, order } = progress;
  const counted = { window_start_ms: windowStartMs, window_ms: windowMs, emitted_keys: emittedKeys };
  return { offset, metadata: JSON.stringify(order === 'tenant' ? { ...counted, order } : counted) };
}

function parseProgress(metadata: string): WindowProgress {
  try {
    const parsed = windowProgressSchema.parse(JSON.parse(metadata));
    const { window_start_ms: windowStartMs, window_ms: windowMs, emitted_keys: emittedKeys } = parsed;
    return { windowStartMs, windowMs, emittedKeys, order: parsed.order ?? 'appearance' };
  } catch (error) {
    throw new PulsesError('PROTOCOL_VIOLATION', 'the metadata of the position windowed is not readable', {
      cause: error,
    });
  }
}
