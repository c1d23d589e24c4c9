// The ingestor of the baseline pipeline: the minimum that an ingestor does with pulses.
//
// It finds each line and its tenant, and sends the lines back by tenant, padded to the length of grouped lines. It reads
// no amount, looks up no key, sums nothing and keeps no position.

import { once } from 'node:events';
import { createMessageReader, joinBroker, LINE_FEED, SECTION_HEADER_BYTES, sendMessage } from './baseline-messages';

/** Extra bytes of a grouped line over its pulse: id, time and offset. */
export const GROUPED_EXTRA_BYTES = 96;
const COMMIT_BYTES = 4 * 1024 * 1024;
const LINE_BYTES_MIN = 128;
const COMMITS_IN_FLIGHT_MAX = 2;
const TENANT_STARTS = '{"tenant_id":"tenant-'.length;
const QUOTE = 0x22;
const ZERO = 0x30;

export interface BaselineIngestor {
  readonly port: number;
  readonly tenants: number;
}

/** Prints the number of stored lines after each commit. Ends with the broker. */
export async function runBaselineIngestor({ port, tenants }: BaselineIngestor): Promise<void> {
  const [reader, committer] = [await joinBroker(port, 'reader'), await joinBroker(port, 'committer')];
  const lines = Buffer.allocUnsafe(COMMIT_BYTES);
  const lineEnds = new Int32Array(COMMIT_BYTES / LINE_BYTES_MIN);
  const lineTenants = new Int32Array(lineEnds.length);
  const bytesOf = new Int32Array(tenants + 1);
  const waiting: Buffer[] = [];
  const inFlight: number[] = [];
  let [lineCount, usedBytes, stored, at] = [0, 0, 0, 0];

  const isFull = (lineBytes: number): boolean => lineCount === lineEnds.length || usedBytes + lineBytes > COMMIT_BYTES;

  /** A section for each tenant that has lines. */
  const commit = (): void => {
    bytesOf.fill(0);
    for (let line = 0, start = 0; line < lineCount; line += 1) {
      const [tenant, end] = [lineTenants[line] as number, lineEnds[line] as number];
      bytesOf[tenant] = (bytesOf[tenant] as number) + end - start;
      start = end;
    }
    const touched = bytesOf.reduce((count, bytes) => count + (bytes > 0 ? 1 : 0), 0);
    const message = Buffer.allocUnsafe(usedBytes + touched * SECTION_HEADER_BYTES);
    let place = 0;
    for (let tenant = 0; tenant <= tenants; tenant += 1) {
      const bytes = bytesOf[tenant] as number;
      if (bytes === 0) continue;
      message.writeUInt32LE(tenant, place);
      message.writeUInt32LE(bytes, place + 4);
      const linesAt = place + SECTION_HEADER_BYTES;
      bytesOf[tenant] = linesAt;
      place = linesAt + bytes;
    }
    for (let line = 0, start = 0; line < lineCount; line += 1) {
      const [tenant, end] = [lineTenants[line] as number, lineEnds[line] as number];
      const target = bytesOf[tenant] as number;
      lines.copy(message, target, start, end);
      bytesOf[tenant] = target + end - start;
      start = end;
    }
    inFlight.push(lineCount);
    sendMessage(committer, message);
    [lineCount, usedBytes] = [0, 0];
  };

  /** Takes lines while the buffer has room. Commits when the buffer is full, or no commit is in flight. */
  const work = (): void => {
    for (let payload = waiting[0]; payload !== undefined; payload = waiting[0]) {
      for (let end = payload.indexOf(LINE_FEED, at); end >= 0; end = payload.indexOf(LINE_FEED, at)) {
        const lineBytes = end + 1 - at + GROUPED_EXTRA_BYTES;
        if (isFull(lineBytes)) {
          if (inFlight.length === COMMITS_IN_FLIGHT_MAX) {
            reader.pause();
            return;
          }
          commit();
        }
        let tenant = 0;
        for (let digit = at + TENANT_STARTS; payload[digit] !== QUOTE; digit += 1)
          tenant = tenant * 10 + (payload[digit] as number) - ZERO;
        lines.fill(ZERO, usedBytes, usedBytes + GROUPED_EXTRA_BYTES);
        payload.copy(lines, usedBytes + GROUPED_EXTRA_BYTES, at, end + 1);
        usedBytes += lineBytes;
        lineEnds[lineCount] = usedBytes;
        lineTenants[lineCount] = tenant;
        lineCount += 1;
        at = end + 1;
      }
      waiting.shift();
      at = 0;
    }
    if (lineCount > 0 && inFlight.length === 0) commit();
    reader.resume();
  };

  committer.on('data', (acknowledgements: Buffer) => {
    for (const _ of acknowledgements) stored += inFlight.shift() ?? 0;
    process.stdout.write(`stored ${stored}\n`);
    work();
  });
  const take = createMessageReader();
  reader.on('data', (chunk: Buffer) => {
    waiting.push(...take(chunk));
    work();
  });
  process.stdout.write('reading\n');
  await Promise.all([once(reader, 'close'), once(committer, 'close')]);
}
