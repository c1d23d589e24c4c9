// What a user of Kafka may do, and the command that grants it.

import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import type { CoordinatorKind } from '../protocol/cluster';
import { kafkaCodeOf, KAFKA_ERROR } from '../protocol/errors';

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

/** What the coordinator of a group or a transactional id asks for. */
const OF_COORDINATOR = {
  group: { code: KAFKA_ERROR.GROUP_AUTHORIZATION_FAILED, operation: 'Read', kind: 'group' },
  transaction: {
    code: KAFKA_ERROR.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    operation: 'Write',
    kind: 'transactional-id',
  },
} as const;

/** The failure of a request to a coordinator, with the missing right by its name when that is the reason. */
export function nameMissingRight(error: unknown, asker: Asker, coordinator: CoordinatorKind, name: string): unknown {
  const { code, operation, kind } = OF_COORDINATOR[coordinator];
  const answered = kafkaCodeOf(isPulsesError(error) ? error.cause : error);
  return answered === code ? rightMissing(asker, [operation], { kind, name }, error) : error;
}
