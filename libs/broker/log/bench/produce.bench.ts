// How fast does the log acknowledge batches from several producers, beside a bare loop of write and fdatasync?

import { open } from 'node:fs/promises';
import { check, inDirectory, isSmoke, openLog, payloadOf, report, secondsOf } from './bench-fixture';

const PRODUCERS = 8;
const RECORDS = 420;
const ROUNDS = isSmoke ? 4 : 400;

// Several, so that neither side writes from a warm cache alone; equal, since the log keeps what it was given.
const payloads = Array.from({ length: 64 }, () => payloadOf(RECORDS, 1));
const payloadAt = (index: number): Buffer => payloads[index % payloads.length]!; // within the length

async function bare(directory: string, batchesPerSync: number): Promise<number> {
  const file = await open(`${directory}/bare-${batchesPerSync}`, 'w');
  const seconds = await secondsOf(async () => {
    let position = 0;
    for (let batch = 0; batch < PRODUCERS * ROUNDS; batch += batchesPerSync) {
      const buffers = Array.from({ length: batchesPerSync }, (_, index) => payloadAt(batch + index));
      const { bytesWritten } = await file.writev(buffers, position);
      check(bytesWritten === batchesPerSync * payloadAt(0).length, 'a short write');
      position += bytesWritten;
      await file.datasync();
    }
  });
  await file.close();
  return seconds;
}

await inDirectory(async (directory) => {
  const bareOne = await bare(directory, 1);
  const bareGroup = await bare(directory, PRODUCERS);
  const log = await openLog(directory);
  const produce = async (producer: number): Promise<void> => {
    const id = producer.toString(16).padStart(32, '0');
    for (let sequence = 0; sequence < ROUNDS; sequence += 1) {
      const payload = payloadAt(sequence * PRODUCERS + producer);
      await log.append({ topic: 'source', recordCount: RECORDS, payload }, { id, epoch: 0, sequence });
    }
  };
  const cpu = process.cpuUsage();
  const seconds = await secondsOf(async () => {
    await Promise.all(Array.from({ length: PRODUCERS }, (_, producer) => produce(producer)));
  });
  const { user, system } = process.cpuUsage(cpu);
  const messages = PRODUCERS * ROUNDS * RECORDS;
  check(log.topic('source')?.nextOffset === messages, 'messages are missing');
  await log.close();
  const bytes = messages * 156;
  report('produce', {
    messagesPerSecond: Math.round(messages / seconds),
    mbPerSecond: Math.round(bytes / seconds / 1e6),
    bareSameSizesMbPerSecond: Math.round(bytes / bareOne / 1e6),
    bareGroupedMbPerSecond: Math.round(bytes / bareGroup / 1e6),
    ratioToSameSizes: (bareOne / seconds).toFixed(2),
    ratioToGrouped: (bareGroup / seconds).toFixed(2),
    cpuSecondsPerGb: ((user + system) / 1e6 / (bytes / 1e9)).toFixed(2),
  });
});
