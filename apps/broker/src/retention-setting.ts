// How long messages are kept: one limit for all kinds of topics, or one for each.
//
//   limits = "keep" | limit | kind "=" limit ("," kind "=" limit)*

import { TOPIC_KINDS, type TopicKind } from '@pulses/shared-pulse-model';
import type { SettingKind } from '@pulses/shared-settings';
import { z } from 'zod';

/** A limit for each kind of topic; a kind without one is kept forever. */
export type RetentionLimits = Readonly<Partial<Record<TopicKind, number>>>;

const LOOK_MS_MAX = 60_000;

/** How often to look for messages that may go: each minute, and more often for ages below a minute. */
export function retentionIntervalMs(ages: RetentionLimits): number {
  return Math.min(LOOK_MS_MAX, ...Object.values(ages));
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
