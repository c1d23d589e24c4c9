// How long messages are kept: one limit for all kinds of topics, or one for each.
//
//   limits = "keep" | limit | kind "=" limit ("," kind "=" limit)*
//
// Messages go by whole parts of journal segments. So a topic keeps at most one segment more than a limit of length, which
// cannot be shorter than a segment. A limit of age is exceeded by the time that a segment is in use, `segmentAgeMs` at most,
// and by two looks, `retentionIntervalMs` each.

import { PulsesError } from '@pulses/shared-errors';
import { TOPIC_KINDS, type TopicKind } from '@pulses/shared-pulse-model';
import type { SettingKind } from '@pulses/shared-settings';
import { z } from 'zod';

/** A limit for each kind of topic; a kind without one is kept forever. */
export type RetentionLimits = Readonly<Partial<Record<TopicKind, number>>>;

const LOOK_MS_MAX = 15_000;
const SEGMENT_AGE_MS_MIN = 30_000;
const SEGMENT_AGE_MS_MAX = 3_600_000;
/** Segments that are used in the time that messages are kept, at least: more would be files for nothing. */
const SEGMENTS_AN_AGE = 60;
const BYTES_A_MIB = 1024 * 1024;

/** How often to look for messages that may go. */
export function retentionIntervalMs(ages: RetentionLimits): number {
  return Math.min(LOOK_MS_MAX, ...Object.values(ages));
}

/** How old the first message of a journal segment may get before the segment is left: only what is sealed can go. */
export function segmentAgeMs(ages: RetentionLimits): number {
  const shortest = Math.min(...Object.values(ages));
  const fitting = Math.max(Math.min(shortest, SEGMENT_AGE_MS_MIN), shortest / SEGMENTS_AN_AGE);
  return Math.min(SEGMENT_AGE_MS_MAX, Math.ceil(fitting));
}

/** @throws PulsesError CONFIG_INVALID when a limit of length is below a segment */
export function checkRetentionBytes(limits: RetentionLimits, segmentBytes: number): void {
  const shortest = Math.min(...Object.values(limits));
  if (shortest >= segmentBytes) return;
  throw new PulsesError(
    'CONFIG_INVALID',
    `--retention-bytes: '${inMib(shortest)}' is not valid: allowed are keep, and lengths from --segment-bytes on, which is ` +
      `${inMib(segmentBytes)}; messages are removed a segment at a time`,
  );
}

function inMib(bytes: number): string {
  return bytes % BYTES_A_MIB === 0 ? `${bytes / BYTES_A_MIB}MiB` : `${bytes} bytes`;
}

/** Limits whose values `limit` reads. */
export function retentionKind(limit: SettingKind<number>): SettingKind<RetentionLimits> {
  const example = TOPIC_KINDS.slice(0, 2)
    .map((kind) => `${kind}=LIMIT`)
    .join(',');
  return {
    type: `keep|${limit.type}`,
    allowed: `keep, or ${limit.allowed}, or one for some kinds of topics as ${example}; kinds are ${TOPIC_KINDS.join(', ')}`,
    schema: z.string().transform((text, context) => {
      const limits = limitsOf(text, limit);
      if (limits !== undefined) return limits;
      context.addIssue('not a retention limit');
      return z.NEVER;
    }),
  };
}

function limitsOf(text: string, limit: SettingKind<number>): RetentionLimits | undefined {
  if (text === 'keep') return {};
  const valueOf = (part: string): number | undefined => limit.schema.safeParse(part).data;
  const forAll = valueOf(text);
  if (forAll !== undefined) return Object.fromEntries(TOPIC_KINDS.map((kind) => [kind, forAll]));
  const limits: Partial<Record<TopicKind, number>> = {};
  for (const part of text.split(',')) {
    const separator = part.indexOf('=');
    const kind = TOPIC_KINDS.find((candidate) => candidate === part.slice(0, separator));
    const value = valueOf(part.slice(separator + 1));
    if (separator < 0 || kind === undefined || value === undefined || kind in limits) return undefined;
    limits[kind] = value;
  }
  return limits;
}
