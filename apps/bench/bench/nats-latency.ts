// From the time that a pulse was due at the producer to the arrival of its grouped line at an outside reader on NATS.

import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import { check, sendPaced, until, type PulsePool, type Samples } from '@pulses/testing-benches';
import { NatsLink, numberText } from '@pulses/testing-system';

const SOURCE = 'source.pulses';
const PIECE_MS = 10;
const STORE_MS_MAX = 60_000;
const READ_AHEAD_MESSAGES = 10_000;

export interface NatsLatency {
  /** Milliseconds from due to arrived. */
  readonly whole: Samples;
  /** Of them, from the time that the stream stored the pulse to the time that it stored the line. */
  readonly stored: Samples;
}

/** Stores messages in order, one by one; resolves to the sequence of the last one. An atomic batch costs a sync of its own. */
async function publish(connection: NatsLink['connection'], messages: readonly string[]): Promise<number> {
  for (const message of messages.slice(0, -1)) connection.publish(SOURCE, message);
  const answer = await connection.request(SOURCE, messages.at(-1), { timeout: STORE_MS_MAX });
  const { error, seq } = answer.json<{ error?: { description: string }; seq: number }>();
  if (error !== undefined) throw new Error(`the load was refused: ${error.description}`);
  return seq;
}

/** Sends at a constant rate, in pieces of 10 ms, to the source of an ingestor that works. */
export async function measureNatsLatency(
  url: string,
  pool: PulsePool,
  rate: number,
  seconds: number,
  { whole, stored }: NatsLatency,
): Promise<void> {
  const [producer, reader] = [await NatsLink.open(url), await NatsLink.open(url)];
  const lines = pool.batches.flatMap(({ payload }) => payload.toString('latin1').split('\n').slice(0, -1));
  const perPiece = (rate * PIECE_MS) / 1_000;
  const pieces = (seconds * 1_000) / PIECE_MS;
  const { last_seq: before } = (await producer.manager.streams.info('pulses-source')).state;
  const arrivals = new Map<number, { readonly arrivedMs: number; readonly storedMs: number }>();
  const consumer = await jetstream(reader.connection).consumers.get('pulses-ingestor', {
    filter_subjects: ['tenants.*.grouped.pulses'],
    deliver_policy: DeliverPolicy.New,
  });
  const messages = await consumer.consume({
    max_messages: READ_AHEAD_MESSAGES,
    callback: (message) => {
      const arrivedMs = performance.now();
      const storedMs = message.info.timestampNanos / 1e6;
      for (const line of message.string().split('\n').slice(0, -1))
        arrivals.set(Number(numberText(line, 'source_offset')), { arrivedMs, storedMs });
    },
  });
  try {
    const answers: Promise<{ readonly lastOffset: number; readonly dueMs: number }>[] = [];
    await sendPaced(PIECE_MS, pieces, (index, dueMs) => {
      const piece = Array.from({ length: perPiece }, (_, at) => lines[(index * perPiece + at) % lines.length] ?? '');
      answers.push(publish(producer.connection, piece).then((lastOffset) => ({ lastOffset, dueMs })));
    });
    const sent = await Promise.all(answers);
    await until(() => arrivals.size >= pieces * perPiece);
    for (const { lastOffset, dueMs } of sent)
      for (let offset = lastOffset - perPiece + 1; offset <= lastOffset; offset += 1)
        whole.add((arrivals.get(offset)?.arrivedMs ?? NaN) - dueMs);
    const source = await jetstream(reader.connection).consumers.get('pulses-source', {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: before + 1,
    });
    let found = 0;
    for await (const message of await source.consume({ max_messages: READ_AHEAD_MESSAGES })) {
      const line = arrivals.get(message.seq);
      if (line !== undefined) {
        found += 1;
        stored.add(line.storedMs - message.info.timestampNanos / 1e6);
      }
      if (message.info.pending === 0) break;
    }
    check(found, pieces * perPiece, 'the count of lines that arrived');
  } finally {
    await messages.close();
    await Promise.all([producer.close(), reader.close()]);
  }
}
