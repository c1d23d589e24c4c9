import { describe, expect, it } from '@jest/globals';
import type { SourceEvent } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { createSimClock } from '@pulses/testing-sim';
import { BatchWriter } from '../records/batch-writer';
import { batchEnd, readBatch, type RecordBatch } from '../records/record-batch';
import { KafkaSourceStream } from './kafka-source-stream';
import type { PartitionReader, ReadStep } from './partition-reader';
import { TICK_HEADER } from './records-decoder';
import { SourceClock } from './source-clock';
import { Ticker } from './ticker';

/** A batch that the log stored at `storedMs`; a tick when it has no texts. */
function batchOf(baseOffset: number, storedMs: number, texts: readonly string[]): RecordBatch {
  const writer = new BatchWriter(1 << 20);
  for (const text of texts) writer.append(undefined, Buffer.from(text), 0, text.length);
  if (texts.length === 0) writer.appendMark(TICK_HEADER);
  const bytes = writer.finish({ compression: 'lz4', timestampMs: 7, producer: undefined });
  bytes.writeBigInt64BE(BigInt(baseOffset), 0);
  const batch = readBatch(bytes, 0, batchEnd(bytes, 0) ?? 0, 't/0');
  return { ...batch, isLogAppendTime: true, maxTimestampMs: storedMs };
}

const batch = (...given: Parameters<typeof batchOf>): ReadStep => ({ kind: 'batch', batch: batchOf(...given) });
const end = (nextOffset: number): ReadStep => ({ kind: 'end', nextOffset });

function streamOf(steps: readonly ReadStep[], fromOffset = 0) {
  const rest = [...steps];
  const failures: unknown[] = [];
  const reader: Pick<PartitionReader, 'log' | 'next'> = {
    log: 't/0',
    next() {
      const step = rest.shift();
      return step === undefined ? Promise.reject(new Error('nothing is left')) : Promise.resolve(step);
    },
  };
  const ticker = new Ticker({
    clock: createSimClock(),
    append: () => Promise.reject(new Error('no tick')),
    onFailure: () => undefined,
  });
  return {
    failures,
    stream: new KafkaSourceStream({
      reader: reader as PartitionReader,
      clock: new SourceClock(undefined, fromOffset),
      ticker,
      fromOffset,
      onFailure(error) {
        failures.push(error);
        return error instanceof PulsesError ? error : new PulsesError('CONNECTION_LOST', String(error));
      },
      closedBy: () => new PulsesError('FENCED', 'the session is over'),
      onClose: () => undefined,
    }),
  };
}

function textOf(event: SourceEvent): string {
  if (event.kind === 'head') return `head ${event.nextOffset} at ${event.clockMs}`;
  let { start } = event;
  const texts = Array.from(event.ends, (to) => {
    const text = Buffer.from(event.bytes.subarray(start, to)).toString();
    start = to + event.gap;
    return text;
  });
  return `${event.baseOffset}: ${texts.join(' ')} at ${event.timestampMs}`;
}

async function eventsOf(stream: KafkaSourceStream, count: number): Promise<string[]> {
  const events: string[] = [];
  while (events.length < count) events.push(textOf(await stream.next()));
  return events;
}

describe('the stream of a partition', () => {
  it('gives runs with the running maximum of their times, and a head once it has changed', async () => {
    const steps = [
      ...[batch(0, 100, ['a', 'b']), batch(2, 90, ['c']), end(3), end(3)],
      ...[batch(5, 120, ['d']), end(7), end(7), batch(7, 120, ['e'])],
    ];
    expect(await eventsOf(streamOf(steps).stream, 6)).toEqual([
      ...['0: a b at 100', '2: c at 100', 'head 3 at 100'],
      ...['5: d at 120', 'head 7 at 120', '7: e at 120'],
    ]);
  });

  it('hides ticks, and gives a head with their time', async () => {
    const steps = [batch(0, 100, ['a']), end(1), batch(1, 250, []), end(2), batch(2, 260, ['b'])];
    expect(await eventsOf(streamOf(steps).stream, 4)).toEqual([
      ...['0: a at 100', 'head 1 at 100', 'head 2 at 250', '2: b at 260'],
    ]);
  });

  it('starts in the middle of a batch', async () => {
    expect(await eventsOf(streamOf([batch(0, 100, ['a', 'b', 'c']), end(3)], 2).stream, 2)).toEqual([
      ...['2: c at 100', 'head 3 at 100'],
    ]);
  });

  it('refuses batches with the time of their producer, and names the setting', async () => {
    const step: ReadStep = { kind: 'batch', batch: { ...batchOf(0, 100, ['a']), isLogAppendTime: false } };
    const { stream, failures } = streamOf([step]);
    await expect(stream.next()).rejects.toMatchObject({ code: 'LOG_UNSUITABLE' });
    expect(String(failures[0])).toContain('message.timestamp.type=LogAppendTime');
  });

  it('tells the session of a failure, and rejects with its reason once it is closed', async () => {
    const { stream, failures } = streamOf([]);
    await expect(stream.next()).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    expect(failures).toHaveLength(1);
    stream.close();
    await expect(stream.next()).rejects.toMatchObject({ code: 'FENCED' });
    expect(failures).toHaveLength(1);
  });
});
