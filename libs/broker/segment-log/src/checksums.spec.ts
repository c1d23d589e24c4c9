import { describe, expect, it } from '@jest/globals';
import type { BrokerLog } from '@pulses/broker-log-api';
import { columnsOf, payloadOf, type RecordBatch } from '@pulses/broker-wire';
import { createSimFileSystem, createSimRandom } from '@pulses/testing-sim';
import type { SegmentLogOptions } from './options';
import { machineOn, openOn, settled } from './testing/torture-run';

const LINES = 50;
const BATCHES = 20;

/** More bytes than are put together with their neighbours. */
const batchAt = (index: number): { payload: Uint8Array; payloadCrc: number } =>
  payloadOf(Buffer.from(Array.from({ length: LINES }, (_, line) => `${index} ${line} ${'x'.repeat(90)}\n`).join('')));

async function withBatches(
  options: Partial<SegmentLogOptions>,
  work: (
    log: BrokerLog,
    read: (fromOffset: number, bytesMax?: number) => Promise<RecordBatch[]>,
    files: readonly string[],
  ) => Promise<void>,
): Promise<void> {
  const on = machineOn(createSimFileSystem({ seed: 1 }), createSimRandom(1));
  const log = await openOn(on, { options });
  if (log === undefined) throw new Error('the power is on');
  for (let index = 0; index < BATCHES; index += 1)
    await log.append({ topic: 't', recordCount: LINES, ...batchAt(index) });
  await on.clock.advance(100);
  const incarnation = log.topic('t')?.incarnation ?? '';
  await work(
    log,
    (fromOffset, bytesMax = 1 << 24) => log.read('t', incarnation, fromOffset, bytesMax),
    on.fileSystem.files(),
  );
  await settled(on, log.close());
}

describe('a reader gets the checksum that came with a batch', () => {
  it.each<[string, Partial<SegmentLogOptions>]>([
    ['memory', {}],
    ['a segment', { tailBytesMax: 0 }],
    ['a run', { tailBytesMax: 0, segmentBytesMax: 80_000 }],
  ])('from %s, where the batch is whole', async (from, options) => {
    await withBatches(options, async (_log, read, files) => {
      expect(files.some((path) => path.endsWith('.run'))).toBe(from === 'a run');
      const [first] = await read(0);
      expect(first).toMatchObject({ recordCount: LINES, payloadCrc: batchAt(0).payloadCrc });
      const [later] = await read(7 * LINES);
      expect(later).toMatchObject({ recordCount: LINES, payloadCrc: batchAt(7).payloadCrc });
    });
  });

  it('and none for a part of it', async () => {
    await withBatches({}, async (_log, read) => {
      const [rest, whole] = await read(LINES + 1);
      expect(rest).toMatchObject({ recordCount: LINES - 1, payloadCrc: undefined });
      expect(whole).toMatchObject({ recordCount: LINES, payloadCrc: batchAt(2).payloadCrc });
      const [start] = await read(0, batchAt(0).payload.length - 1);
      expect(start).toMatchObject({ recordCount: LINES - 1, payloadCrc: undefined });
    });
  });

  it('and none for a row of a commit, whose checksum is that of all rows', async () => {
    await withBatches({}, async (log) => {
      const { incarnation = '' } = log.topic('t') ?? {};
      const groupEpoch = await log.advanceGroupEpoch('g');
      const rows = columnsOf(['x', 'y'].map((topic, index) => ({ topic, recordCount: LINES, ...batchAt(index) })));
      await log.commit({ group: 'g', groupEpoch, topic: 't', incarnation, positions: [], ...rows });
      const batches = await log.read('y', log.topic('y')?.incarnation ?? '', 0, 1 << 20);
      expect(batches).toMatchObject([{ recordCount: LINES, payloadCrc: undefined }]);
    });
  });

  it('and none where small ones of one time are put together', async () => {
    await withBatches({}, async (log) => {
      const one = { topic: 'small', recordCount: 1, ...payloadOf(Buffer.from('1\n')) };
      await Promise.all([log.append(one), log.append(one), log.append(one)]);
      const batches = await log.read('small', log.topic('small')?.incarnation ?? '', 0, 1 << 20);
      expect(batches).toMatchObject([{ recordCount: 3 }]);
      expect(batches[0]?.payloadCrc).toBeUndefined();
    });
  });
});
