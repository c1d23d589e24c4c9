// From the time that Kafka stamps on a pulse to the arrival of its grouped line at an outside reader.

import { check, sendPaced, until, type PulsePool, type Samples } from '@pulses/testing-benches';
import { eachRecord, followTopic, writeStream } from '@pulses/testing-services';
import { numberText } from '@pulses/testing-system';
import { PassThrough } from 'node:stream';
import type { KafkaPlaces } from '../peers/kafka-streams';
import { startKafkaIngestor } from './kafka-ingestor';
import { keyedText } from './kafka-run';

const PIECE_MS = 10;

/** Sends at a constant rate, in pieces of 10 ms, and adds the time of each line that arrived, in milliseconds. */
export async function measureLatency(
  places: KafkaPlaces,
  pool: PulsePool,
  rate: number,
  seconds: number,
  samples: Samples,
): Promise<void> {
  const { brokers, source, grouped } = places;
  const lines = pool.batches.flatMap(({ payload }) => keyedText(payload).split('\n').slice(0, -1));
  const perPiece = (rate * PIECE_MS) / 1_000;
  const pieces = (seconds * 1_000) / PIECE_MS;
  const ingestor = await startKafkaIngestor(places);
  const arrivals = new Map<number, number>();
  const stopReader = await followTopic({ brokers, topic: grouped }, ({ value }) => {
    arrivals.set(Number(numberText(value?.toString() ?? '', 'source_offset')), Date.now());
  });
  try {
    const input = new PassThrough();
    const written = writeStream({ brokers, topic: source }, true, input);
    await sendPaced(PIECE_MS, pieces, (index) => {
      const from = index * perPiece;
      const piece = Array.from({ length: perPiece }, (_, at) => lines[(from + at) % lines.length] ?? '');
      input.write(`${piece.join('\n')}\n`);
    });
    input.end();
    await written;
    await until(() => arrivals.size >= pieces * perPiece);
    let found = 0;
    await eachRecord({ brokers, topic: source }, ({ offset, timestamp }) => {
      const arrivedMs = arrivals.get(offset);
      if (arrivedMs === undefined) return;
      found += 1;
      samples.add(arrivedMs - timestamp);
    });
    check(found, pieces * perPiece, 'the count of lines that arrived');
  } finally {
    await stopReader();
    await ingestor.stop();
  }
}
