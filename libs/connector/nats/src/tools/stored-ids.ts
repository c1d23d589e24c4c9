// Which messages of a producer a stream holds, once the server may have forgotten their ids.
//
// The server remembers ids for `duplicate_window`, but a message keeps its id for as long as it is stored.
//
// Guarantees: every message that was stored before the call is looked at. Bounds: FETCH_MESSAGES_MAX headers in memory.

import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager, ReplayPolicy } from '@nats-io/jetstream';
import { PulsesError } from '@pulses/shared-errors';
import { nanos, type NatsConnection } from '@nats-io/transport-node';

const FETCH_MESSAGES_MAX = 1_000;
const FETCH_MS_MAX = 10_000;
const CONSUMER_IDLE_MS_MAX = 60_000;

/**
 * The ids that begin with `prefix`, among messages behind `fromSequence`.
 * @throws PulsesError PRODUCER_EXPIRED when the stream has dropped some of them, TIMED_OUT
 */
export async function storedIds(
  connection: NatsConnection,
  stream: string,
  fromSequence: number,
  prefix: string,
): Promise<ReadonlySet<string>> {
  const manager = await jetstreamManager(connection);
  const { first_seq: first, last_seq: last } = (await manager.streams.info(stream)).state;
  const ids = new Set<string>();
  if (last <= fromSequence) return ids;
  if (first > fromSequence + 1)
    throw new PulsesError(
      'PRODUCER_EXPIRED',
      `the stream ${stream} has dropped messages up to ${first - 1}, of which one may be the batch without an answer`,
    );
  const { name, num_pending: pending } = await manager.consumers.add(stream, {
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: fromSequence + 1,
    replay_policy: ReplayPolicy.Instant,
    headers_only: true,
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: nanos(CONSUMER_IDLE_MS_MAX),
  });
  const consumer = await jetstream(connection).consumers.get(stream, name);
  let read = 0;
  while (read < pending) {
    const before = read;
    const some = Math.min(pending - read, FETCH_MESSAGES_MAX);
    for await (const message of await consumer.fetch({ max_messages: some, expires: FETCH_MS_MAX })) {
      read += 1;
      if (message.info.deliverySequence !== read) throw incomplete(stream);
      const id = message.headers?.get('Nats-Msg-Id');
      if (id?.startsWith(prefix) === true) ids.add(id);
    }
    if (read === before) throw incomplete(stream);
  }
  await consumer.delete();
  return ids;
}

const incomplete = (stream: string) =>
  new PulsesError('TIMED_OUT', `NATS: the stream ${stream} was not read to its end`);
