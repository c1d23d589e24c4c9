// The sums of the open windows, read from the ingestor over HTTP: of one, or of each partition's, added up exactly.

import { PulsesError } from '@pulses/shared-errors';
import { z } from 'zod';
import { addDecimals } from './exact-decimal';

const TIMEOUT_MS = 10_000;
const TOTAL = /^-?\d+(\.\d+)?$/;

const windowSchema = z.object({
  cut: z.boolean().optional(),
  sums: z.array(
    z.object({
      tenant_id: z.string(),
      product_sku: z.string(),
      use_unit: z.string(),
      total_amount: z.string().regex(TOTAL),
      pulse_count: z.int(),
    }),
  ),
});

/** Partitions of the ingestor that are not in its answer. */
const missingSchema = z.array(z.object({ partition: z.int(), state: z.string(), reason: z.string().optional() }));

/** Of a source with partitions, or of one without. */
const answerSchema = z.union([
  z.object({ partitions: z.array(windowSchema), missing: missingSchema.optional() }),
  windowSchema,
]);

/** One key's sum so far. */
export interface LiveSum {
  readonly tenantId: string;
  readonly productSku: string;
  readonly useUnit: string;
  /** Plain decimal text. */
  readonly total: string;
  readonly pulseCount: number;
}

/**
 * Answers the sums of every open window, one for each key, in the order of the answer.
 *
 * @param address host and port of the ingestor's HTTP
 * @param token shown to the ingestor
 * @param note gets a line for people for each partition of the ingestor whose sums are missing
 * @throws PulsesError CONNECTION_LOST when there is no answer, or the ingestor has no open window; CONFIG_INVALID when there
 * are more sums than an answer holds, or the ingestor has another name; UNAUTHENTICATED when it asks for another token;
 * PROTOCOL_VIOLATION when another program answers
 */
export async function readLiveSums(
  address: string,
  tenant: string | undefined,
  token?: string,
  note: (text: string) => void = () => undefined,
): Promise<LiveSum[]> {
  const query = tenant === undefined ? '' : `?tenant=${encodeURIComponent(tenant)}`;
  let response: Response;
  try {
    response = await fetch(`http://${address}/windows/current${query}`, {
      headers: token === undefined ? {} : { authorization: asHeader(`Bearer ${token}`) },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw new PulsesError('CONNECTION_LOST', `no ingestor answers at http://${address}`, { cause: error });
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (response.status === 503) {
    const { reason } = z.object({ reason: z.string() }).catch({ reason: 'not ready' }).parse(body);
    throw new PulsesError('CONNECTION_LOST', `the ingestor at http://${address} has no answer: ${reason}`);
  }
  if (response.status === 401)
    throw new PulsesError(
      'UNAUTHENTICATED',
      `the ingestor at http://${address} asks for ${token === undefined ? 'a token; use --auth-token-file' : 'another token'}`,
    );
  if (response.status === 421)
    throw new PulsesError(
      'CONFIG_INVALID',
      `--ingestor-http: '${address}' is no name of the ingestor; allowed: its IP address, or one of its --http-allowed-hosts`,
    );
  const answer = answerSchema.safeParse(body);
  if (!response.ok || !answer.success)
    throw new PulsesError(
      'PROTOCOL_VIOLATION',
      `http://${address} does not answer like an ingestor (status ${response.status})`,
    );
  const windows = 'partitions' in answer.data ? answer.data.partitions : [answer.data];
  const sums = windows.flatMap((window) => window.sums);
  if (windows.some(({ cut }) => cut))
    throw new PulsesError(
      'CONFIG_INVALID',
      `--live: the open window has more than ${sums.length} sums${tenant === undefined ? '' : ' of the tenant'}, ` +
        `the most of an answer; allowed: ${tenant === undefined ? 'with --tenant' : "without --live, after the window's end"}`,
    );
  for (const { partition, state, reason } of ('partitions' in answer.data ? answer.data.missing : undefined) ?? [])
    note(`without the partition ${partition}: ${state}${reason === undefined ? '' : ` (${reason})`}`);
  return addedUp(
    sums.map(({ tenant_id, product_sku, use_unit, total_amount, pulse_count }) => ({
      tenantId: tenant_id,
      productSku: product_sku,
      useUnit: use_unit,
      total: total_amount,
      pulseCount: pulse_count,
    })),
  );
}

/** One sum for each key. */
function addedUp(sums: readonly LiveSum[]): LiveSum[] {
  const byKey = new Map<string, LiveSum>();
  for (const sum of sums) {
    const key = JSON.stringify([sum.tenantId, sum.productSku, sum.useUnit]);
    const before = byKey.get(key);
    byKey.set(key, before === undefined ? sum : added(before, sum));
  }
  return [...byKey.values()];
}

function added(one: LiveSum, other: LiveSum): LiveSum {
  return { ...one, total: addDecimals(one.total, other.total), pulseCount: one.pulseCount + other.pulseCount };
}

/** The bytes of UTF-8, each as the character by which a header is sent. */
function asHeader(text: string): string {
  return Buffer.from(text).toString('latin1');
}
