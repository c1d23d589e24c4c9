// Topic names. Percent-encoding puts the tenant id into a name, so no two tenants share one.

import { hash } from 'node:crypto';

const ENCODED_BYTES_MAX = 180;

const RESERVED = /[^A-Za-z0-9_-]/g;

/**
 * Encodes a tenant for topic names: every byte of its UTF-8 outside `A-Z a-z 0-9 - _` becomes `%XX`. A result above 180
 * bytes is replaced by `sha256=` and the hex digest of the tenant's bytes (no encoded name contains `=`).
 */
export function encodeTenant(tenant: Uint8Array): string {
  // In Latin-1 each byte is a character. Concatenation would make V8 keep an object for each part.
  const encoded = Buffer.from(tenant)
    .toString('latin1')
    .replace(RESERVED, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
  return encoded.length <= ENCODED_BYTES_MAX ? encoded : `sha256=${hash('sha256', tenant, 'hex')}`;
}

/** @param tenant as `encodeTenant` gives it */
export function groupedTopic(tenant: string): string {
  return `tenants.${tenant}.grouped.pulses`;
}

/** @param tenant as `encodeTenant` gives it */
export function aggregatedTopic(tenant: string): string {
  return `tenants.${tenant}.aggregated.pulses.amount`;
}

export function deadLetterTopic(sourceTopic: string): string {
  return `${sourceTopic}.dead-letter`;
}

/** In the order of the numbers that the broker stores for them. */
export const TOPIC_KINDS = ['source', 'grouped', 'aggregated', 'dead_letter'] as const;
export type TopicKind = (typeof TOPIC_KINDS)[number];

/** The kind of a topic, by its name. */
export function topicKindOf(topic: string): TopicKind {
  if (topic.startsWith('tenants.')) {
    if (topic.endsWith('.grouped.pulses')) return 'grouped';
    if (topic.endsWith('.aggregated.pulses.amount')) return 'aggregated';
  }
  return topic.endsWith('.dead-letter') ? 'dead_letter' : 'source';
}

/** The index of the topic's kind in TOPIC_KINDS. */
export function topicKindNumber(topic: string): number {
  return TOPIC_KINDS.indexOf(topicKindOf(topic));
}
