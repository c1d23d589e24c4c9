// What a power cut may cost, as one line at the start. No client can ask for sync_interval; the HTTP monitoring says it.

import { z } from 'zod';

const ANSWER_MS_MAX = 2_000;
const NANOSECONDS_PER_SECOND = 1e9;

const varzSchema = z.object({
  jetstream: z.object({
    config: z.object({ sync_always: z.boolean().optional(), sync_interval: z.number().optional() }).optional(),
  }),
});

const REMEDY = 'sync_interval: "always" in the jetstream block of the server prevents it';

/** Undefined when the server syncs before each acknowledgement. @param address `host:port` of the HTTP monitoring */
export async function syncWarning(address: string | undefined): Promise<string | undefined> {
  if (address === undefined)
    return `NATS: unless sync_interval is "always", a power cut may cost acknowledged messages; ${REMEDY}. --nats-monitor-address lets the ingestor look`;
  try {
    const response = await fetch(`http://${address}/varz`, { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    const { config = {} } = varzSchema.parse(await response.json()).jetstream;
    if (config.sync_always === true) return undefined;
    const seconds = (config.sync_interval ?? 0) / NANOSECONDS_PER_SECOND;
    return `NATS: sync_interval is ${seconds} s: a power cut may cost as much of what was acknowledged, on the source and in the outputs; ${REMEDY}`;
  } catch (error) {
    const reason = error instanceof z.ZodError ? 'no answer of a NATS server with JetStream' : String(error);
    return `--nats-monitor-address: ${address} can't be asked for sync_interval (${reason}); unless it is "always", a power cut may cost acknowledged messages`;
  }
}
