import { describe, expect, it } from '@jest/globals';
import { countedRunReads } from '../testing/counted-run-reads';
import { lines, publish } from '../testing/log-fixture';
import { machine, opened } from '../testing/small-log';
import { settled } from '../testing/torture-run';

const MESSAGES = 8_192;
const MESSAGE = 'x'.repeat(127);
const LENGTH = MESSAGES * (MESSAGE.length + 1);
const READ_BYTES = 16 * 1024;

describe('a piece that is longer than a read', () => {
  it('is read once for all of it, and what is given out keeps no more in memory than a few reads', async () => {
    const on = machine();
    const runReads = countedRunReads(on);
    const { fileSystem } = runReads;
    const log = await opened(on, { fileSystem });
    await log.append({ topic: 'out', ...lines(...Array.from({ length: MESSAGES }, () => MESSAGE)) });
    await publish(log, 'a', ['next']);
    await on.clock.advance(500);
    expect(log.unsealedBytes).toBe(0);
    const { incarnation } = log.topic('out')!; // published above
    runReads.bytes = 0;
    let reads = 0;
    for (let offset = 0; offset < MESSAGES; reads += 1) {
      const batches = (await settled(on, log.read('out', incarnation, offset, READ_BYTES))) ?? [];
      for (const { baseOffset, recordCount, payload } of batches) {
        expect(baseOffset).toBe(offset);
        expect(Buffer.from(payload).toString()).toBe(`${MESSAGE}\n`.repeat(recordCount));
        expect(payload.buffer.byteLength).toBeLessThanOrEqual(2 * READ_BYTES);
        offset += recordCount;
      }
    }
    expect(reads).toBe(LENGTH / READ_BYTES);
    expect(runReads.bytes).toBeLessThan(1.1 * LENGTH);
    await settled(on, log.close());
  });
});
