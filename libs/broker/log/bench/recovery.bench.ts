// How fast is the journal scanned at a start after a crash? With the check that every message is there.

import { cp } from 'node:fs/promises';
import { check, inDirectory, isSmoke, openLog, payloadOf, report, secondsOf } from './bench-fixture';

const RECORDS = 420;
const BATCHES = isSmoke ? 20 : 6_000;
const IN_FLIGHT = 64;
const BYTES_A_RECORD = 156;

await inDirectory(async (directory) => {
  const written = `${directory}/written`;
  const crashed = `${directory}/crashed`;
  // No checkpoint: a start has to read all of the journal.
  const options = {
    fsync: { mode: 'never' },
    checkpointBytes: 2 ** 40,
    materialiseDelayMs: 3_600_000,
    unwrittenBytesMax: 2 ** 40,
  } as const;
  const log = await openLog(written, { options });
  const payload = payloadOf(RECORDS, 1);
  for (let batch = 0; batch < BATCHES; batch += IN_FLIGHT) {
    const count = Math.min(IN_FLIGHT, BATCHES - batch);
    await Promise.all(
      Array.from({ length: count }, () => log.append({ topic: 'source', recordCount: RECORDS, payload })),
    );
  }
  // What a crash leaves: the files as they are, without the farewell of a close.
  await cp(written, crashed, { recursive: true });
  await log.close();

  let recovered: Awaited<ReturnType<typeof openLog>> | undefined;
  const seconds = await secondsOf(async () => {
    recovered = await openLog(crashed, { options });
  });
  const bytes = BATCHES * RECORDS * BYTES_A_RECORD;
  check(recovered?.topic('source')?.nextOffset === BATCHES * RECORDS, 'messages are missing');
  await recovered?.close();
  report('recovery', {
    mb: Math.round(bytes / 1e6),
    seconds: seconds.toFixed(2),
    mbPerSecond: Math.round(bytes / seconds / 1e6),
  });
});
