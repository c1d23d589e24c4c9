// What the server takes, and what the user may do: asked before the first commit.
//
// The limit on batches is no part of any answer to a client. So a message with an impossible batch sequence is sent: the
// server refuses it, stores nothing, and says the limit. Sent to each subject, it shows missing rights as well.

import { PulsesError } from '@pulses/shared-errors';
import { aggregatedTopic, groupedTopic } from '@pulses/shared-pulse-model';
import type { StreamConfig } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import { natsFailure, SERVER_ERROR, serverFailure, type ServerError } from './nats-failure';
import { TICK_HEADER, type GroupSubjects } from './names';
import type { OutputLimits } from './output-log';

/** Above the limit of any server. */
const PROBE_SEQUENCE = 1_000_000_000;
const PROBE_MS_MAX = 5_000;
const BATCH_MESSAGES_DEFAULT = 1_000;
/** For headers and the subject, which count as payload. */
const HEADER_BYTES_MAX = 1_024;
const PAYLOAD_BYTES_MIN = 64 * 1024;
/** No commit of the pipeline is longer: its journal has to fit one batch. */
const COMMIT_BYTES_MAX = 16 * 1024 * 1024;

/** @throws PulsesError LOG_UNSUITABLE when a limit is too low; ACCESS_REFUSED when a right is missing */
export async function readLimits(
  connection: NatsConnection,
  subjects: GroupSubjects,
  config: StreamConfig,
): Promise<OutputLimits> {
  const { position, journal, deadLetters, stream } = subjects;
  let batchMessagesMax = BATCH_MESSAGES_DEFAULT;
  for (const subject of [groupedTopic('-'), aggregatedTopic('-'), deadLetters, journal, position])
    batchMessagesMax = await probe(connection, subject);
  const maxPayload = connection.info?.max_payload ?? 0;
  const payloadBytesMax = config.max_msg_size > 0 ? Math.min(config.max_msg_size, maxPayload) : maxPayload;
  const bodyBytesMax = payloadBytesMax - HEADER_BYTES_MAX;
  const journalMessagesMax = Math.ceil(COMMIT_BYTES_MAX / bodyBytesMax) + 2;
  if (payloadBytesMax < PAYLOAD_BYTES_MIN)
    throw new PulsesError(
      'LOG_UNSUITABLE',
      `--nats-url: max_payload of the server, or max_msg_size of the stream ${stream}, is ${payloadBytesMax}; ` +
        `allowed: ${PAYLOAD_BYTES_MIN} or more`,
    );
  if (batchMessagesMax < journalMessagesMax)
    throw new PulsesError(
      'LOG_UNSUITABLE',
      `--nats-url: the server's limits.batch.max_msgs is ${batchMessagesMax}; allowed: ${journalMessagesMax} or more`,
    );
  return { batchMessagesMax, bodyBytesMax };
}

/** Sends a tick that the server has to refuse. @throws PulsesError ACCESS_REFUSED when ticks may not be published */
export async function checkTicks(connection: NatsConnection, source: string): Promise<void> {
  const own = headers();
  own.set(TICK_HEADER, '1');
  own.set('Nats-Expected-Last-Sequence', String(Number.MAX_SAFE_INTEGER));
  try {
    await connection.request(source, '', { headers: own, timeout: PROBE_MS_MAX });
  } catch (failure) {
    throw natsFailure(failure, `a tick on ${source}`);
  }
}

async function probe(connection: NatsConnection, subject: string): Promise<number> {
  const own = headers();
  own.set('Nats-Batch-Id', 'probe');
  own.set('Nats-Batch-Sequence', String(PROBE_SEQUENCE));
  const what = `a batch on ${subject}`;
  let error: ServerError | undefined;
  try {
    const answer = await connection.request(subject, '', { headers: own, timeout: PROBE_MS_MAX });
    ({ error } = JSON.parse(answer.string()) as { error?: ServerError });
  } catch (failure) {
    throw natsFailure(failure, what);
  }
  if (error === undefined)
    throw new PulsesError('LOG_UNSUITABLE', `NATS stored a part of a batch on ${subject}: its leader is too old`);
  if (error.err_code !== SERVER_ERROR.batchTooLarge) throw serverFailure(error, what);
  return Number(/(\d+)\s*$/.exec(error.description)?.[1] ?? BATCH_MESSAGES_DEFAULT);
}
