// What an error code of Kafka means to the caller of the connector.
//
// A code is passing (ask again), stale (ask the broker that is responsible now), fencing (another member is active), or
// final. The names and numbers are those of Kafka's protocol guide.

import { GenericError, MultipleErrors, ProtocolError, protocolErrorsCodesById } from '@platformatic/kafka';
import { isPulsesError, PulsesError, type ErrorCode } from '@pulses/shared-errors';

/** Error codes that the connector tells apart. */
export const KAFKA_ERROR = {
  NONE: 0,
  OFFSET_OUT_OF_RANGE: 1,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  LEADER_NOT_AVAILABLE: 5,
  NOT_LEADER_OR_FOLLOWER: 6,
  REQUEST_TIMED_OUT: 7,
  BROKER_NOT_AVAILABLE: 8,
  REPLICA_NOT_AVAILABLE: 9,
  MESSAGE_TOO_LARGE: 10,
  OFFSET_METADATA_TOO_LARGE: 12,
  NETWORK_EXCEPTION: 13,
  COORDINATOR_LOAD_IN_PROGRESS: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  INVALID_TOPIC_EXCEPTION: 17,
  RECORD_LIST_TOO_LARGE: 18,
  NOT_ENOUGH_REPLICAS: 19,
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 20,
  ILLEGAL_GENERATION: 22,
  UNKNOWN_MEMBER_ID: 25,
  REBALANCE_IN_PROGRESS: 27,
  TOPIC_AUTHORIZATION_FAILED: 29,
  GROUP_AUTHORIZATION_FAILED: 30,
  CLUSTER_AUTHORIZATION_FAILED: 31,
  TOPIC_ALREADY_EXISTS: 36,
  INVALID_PARTITIONS: 37,
  INVALID_REPLICATION_FACTOR: 38,
  NOT_CONTROLLER: 41,
  POLICY_VIOLATION: 44,
  OUT_OF_ORDER_SEQUENCE_NUMBER: 45,
  INVALID_PRODUCER_EPOCH: 47,
  INVALID_TXN_STATE: 48,
  INVALID_PRODUCER_ID_MAPPING: 49,
  CONCURRENT_TRANSACTIONS: 51,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 53,
  KAFKA_STORAGE_ERROR: 56,
  SASL_AUTHENTICATION_FAILED: 58,
  UNKNOWN_PRODUCER_ID: 59,
  FENCED_LEADER_EPOCH: 74,
  UNKNOWN_LEADER_EPOCH: 75,
  MEMBER_ID_REQUIRED: 79,
  FENCED_INSTANCE_ID: 82,
  UNSTABLE_OFFSET_COMMIT: 88,
  THROTTLING_QUOTA_EXCEEDED: 89,
  PRODUCER_FENCED: 90,
  UNKNOWN_TOPIC_ID: 100,
  INCONSISTENT_TOPIC_ID: 103,
  FENCED_MEMBER_EPOCH: 110,
  STALE_MEMBER_EPOCH: 113,
  TRANSACTION_ABORTABLE: 120,
} as const;

const E = KAFKA_ERROR;

/** Kafka ends a transaction after its time-out, unless Kafka itself has failed. */
const UNSTABLE_HELP =
  ': a transaction that stores the position has not ended. If that lasts for minutes, see docs/kafka.md, ' +
  "'A transaction that never ends'";

/** The request can succeed later at the same broker. */
const PASSING: ReadonlySet<number> = new Set([
  E.REQUEST_TIMED_OUT,
  E.COORDINATOR_LOAD_IN_PROGRESS,
  E.NOT_ENOUGH_REPLICAS,
  E.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  E.CONCURRENT_TRANSACTIONS,
  E.UNSTABLE_OFFSET_COMMIT,
  E.THROTTLING_QUOTA_EXCEEDED,
  E.UNKNOWN_LEADER_EPOCH,
]);

/** Another broker is responsible now, or will be soon. */
const STALE: ReadonlySet<number> = new Set([
  E.LEADER_NOT_AVAILABLE,
  E.NOT_LEADER_OR_FOLLOWER,
  E.BROKER_NOT_AVAILABLE,
  E.REPLICA_NOT_AVAILABLE,
  E.NETWORK_EXCEPTION,
  E.COORDINATOR_NOT_AVAILABLE,
  E.NOT_COORDINATOR,
  E.NOT_CONTROLLER,
  E.KAFKA_STORAGE_ERROR,
  E.FENCED_LEADER_EPOCH,
]);

const CODES: ReadonlyMap<number, ErrorCode> = new Map<number, ErrorCode>([
  ...[E.INVALID_PRODUCER_EPOCH, E.INVALID_PRODUCER_ID_MAPPING, E.PRODUCER_FENCED].map(asFenced),
  ...[E.ILLEGAL_GENERATION, E.UNKNOWN_MEMBER_ID, E.REBALANCE_IN_PROGRESS, E.FENCED_INSTANCE_ID].map(asFenced),
  ...[E.FENCED_MEMBER_EPOCH, E.STALE_MEMBER_EPOCH].map(asFenced),
  // The transaction is beyond repair: the next session aborts it and starts from what is stored.
  [E.OUT_OF_ORDER_SEQUENCE_NUMBER, 'CONNECTION_LOST'],
  [E.INVALID_TXN_STATE, 'CONNECTION_LOST'],
  [E.UNKNOWN_PRODUCER_ID, 'CONNECTION_LOST'],
  [E.TRANSACTION_ABORTABLE, 'CONNECTION_LOST'],
  [E.OFFSET_OUT_OF_RANGE, 'OFFSET_OUT_OF_RANGE'],
  [E.UNKNOWN_TOPIC_OR_PARTITION, 'TOPIC_UNKNOWN'],
  [E.UNKNOWN_TOPIC_ID, 'TOPIC_UNKNOWN'],
  [E.INCONSISTENT_TOPIC_ID, 'TOPIC_UNKNOWN'],
  [E.MESSAGE_TOO_LARGE, 'MESSAGE_TOO_LARGE'],
  [E.RECORD_LIST_TOO_LARGE, 'MESSAGE_TOO_LARGE'],
  [E.OFFSET_METADATA_TOO_LARGE, 'LOG_UNSUITABLE'],
  [E.TOPIC_AUTHORIZATION_FAILED, 'ACCESS_REFUSED'],
  [E.GROUP_AUTHORIZATION_FAILED, 'ACCESS_REFUSED'],
  [E.CLUSTER_AUTHORIZATION_FAILED, 'ACCESS_REFUSED'],
  [E.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, 'ACCESS_REFUSED'],
  [E.SASL_AUTHENTICATION_FAILED, 'ACCESS_REFUSED'],
]);

function asFenced(code: number): [number, ErrorCode] {
  return [code, 'FENCED'];
}

/** What to do after an answer with an error. */
type ErrorKind = 'passing' | 'stale' | 'final';

function kindOf(code: number): ErrorKind {
  if (PASSING.has(code)) return 'passing';
  return STALE.has(code) ? 'stale' : 'final';
}

/** Name of a code, for messages. */
export function nameOf(code: number): string {
  return (protocolErrorsCodesById as Readonly<Record<number, string>>)[code] ?? `error ${code}`;
}

/** The first code that Kafka answered; undefined when the failure is not an answer. */
export function kafkaCodeOf(error: unknown): number | undefined {
  if (error instanceof KafkaAnswer) return error.kafkaCode;
  if (error instanceof ProtocolError) return Number((error as ProtocolError & { apiCode: number }).apiCode);
  if (!(error instanceof MultipleErrors)) return undefined;
  for (const inner of error.errors) {
    const code = kafkaCodeOf(inner);
    if (code !== undefined) return code;
  }
  return undefined;
}

/** @throws when `code` is an error; `what` says what was refused, as a clause without secrets */
export function throwOn(code: number, what: string): void {
  if (code !== E.NONE) throw new KafkaAnswer(code, what);
}

/** An error that Kafka answered to a request of our own codecs. Never leaves the connector. */
class KafkaAnswer extends Error {
  readonly kafkaCode: number;

  constructor(code: number, what: string) {
    super(`${what}: ${nameOf(code)}`);
    this.name = 'KafkaAnswer';
    this.kafkaCode = code;
  }
}

/** A failure of a request as the catalogue has it. Errors of Kafka that it does not know are PROTOCOL_VIOLATION. */
export function asPulsesError(error: unknown): PulsesError {
  if (isPulsesError(error)) return error;
  const code = kafkaCodeOf(error);
  const text = error instanceof MultipleErrors && code !== undefined ? `Kafka answered ${nameOf(code)}` : textOf(error);
  const detail = code === E.UNSTABLE_OFFSET_COMMIT ? `${text}${UNSTABLE_HELP}` : text;
  if (code !== undefined) return new PulsesError(pulsesCodeOf(code), detail, { cause: error });
  const name = error instanceof GenericError ? error.code : '';
  if (name === 'PLT_KFK_AUTHENTICATION') return new PulsesError('ACCESS_REFUSED', detail, { cause: error });
  return new PulsesError('CONNECTION_LOST', detail, { cause: error });
}

/** What to do after a failed request: the same again, the same to the broker that is responsible now, or nothing. */
export function nextStep(error: unknown): 'again' | 'elsewhere' | 'none' {
  const code = kafkaCodeOf(isPulsesError(error) ? error.cause : error);
  if (code !== undefined) return ({ passing: 'again', stale: 'elsewhere', final: 'none' } as const)[kindOf(code)];
  const failure = asPulsesError(error);
  return failure.code === 'CONNECTION_LOST' || failure.code === 'TIMED_OUT' ? 'elsewhere' : 'none';
}

/** No answer came, so the request may have been done. */
export function isLost(error: unknown): boolean {
  return kafkaCodeOf(isPulsesError(error) ? error.cause : error) === undefined;
}

/** The group has begun another generation, which this member may still be part of. */
export function isStaleMember(error: unknown): boolean {
  const code = kafkaCodeOf(isPulsesError(error) ? error.cause : error);
  return code === E.ILLEGAL_GENERATION || code === E.STALE_MEMBER_EPOCH || code === E.REBALANCE_IN_PROGRESS;
}

function pulsesCodeOf(code: number): ErrorCode {
  const known = CODES.get(code);
  if (known !== undefined) return known;
  return kindOf(code) === 'final' ? 'PROTOCOL_VIOLATION' : 'CONNECTION_LOST';
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
