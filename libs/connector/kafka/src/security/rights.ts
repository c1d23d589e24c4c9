// What a user of Kafka may do, and the command that grants it.

import { PulsesError } from '@pulses/shared-errors';

/** In words of kafka-acls.sh. */
export type Operation = 'Read' | 'Write' | 'Create' | 'Describe' | 'DescribeConfigs';

/** Bits of the authorised operations in answers (KIP-430). */
const BITS: Readonly<Record<Operation, number>> = { Read: 3, Write: 4, Create: 5, Describe: 8, DescribeConfigs: 10 };
/** The broker tells none. */
const NOT_TOLD = -2_147_483_648;

/** The operations that are missing; none when the broker does not tell. */
export function missingOperations(authorized: number, needed: readonly Operation[]): Operation[] {
  if (authorized === NOT_TOLD) return [];
  return needed.filter((operation) => ((authorized >> BITS[operation]) & 1) === 0);
}

/** What rights are for. */
export type Resource =
  | { readonly kind: 'topic'; readonly name: string }
  | { readonly kind: 'group'; readonly name: string }
  | { readonly kind: 'transactional-id'; readonly name: string };

/** Who asks, and whom. */
export interface Asker {
  /** `host:port,…`, for the command. */
  readonly brokers: string;
  /** The user of SASL; undefined without. */
  readonly user: string | undefined;
}

/** ACCESS_REFUSED for a right that is missing. */
export function rightMissing(
  { brokers, user }: Asker,
  operations: readonly Operation[],
  { kind, name }: Resource,
  cause?: unknown,
): PulsesError {
  const what = kind === 'transactional-id' ? 'transactional id' : kind;
  const rights = operations.map((operation) => ` --operation ${operation}`).join('');
  const who = user === undefined ? 'this client' : `'${user}'`;
  return new PulsesError(
    'ACCESS_REFUSED',
    `the ${what} ${name}: Kafka grants ${who} no ${operations.join(' and ')}; 'kafka-acls.sh --bootstrap-server ${brokers} ` +
      `--add --allow-principal User:${user ?? 'NAME'}${rights} --${kind} ${name}' grants it`,
    { cause },
  );
}
