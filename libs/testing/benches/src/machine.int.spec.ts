import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeTempDirectory, type TempDirectory } from '@pulses/testing-processes';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, until } from './checks';
import { sendPaced } from './pacer';
import { cpuSeconds, mainThreadCpuSeconds, peakMemoryMiB, storedBytes, writtenBytes } from './process-figures';
import { jsonParseCost, syncedRoundTrips, syncedWrites } from './baselines';

describe('what benches ask of the machine', () => {
  let directory: TempDirectory;
  beforeAll(async () => {
    directory = await makeTempDirectory();
  });
  afterAll(() => directory.remove());

  it('sends each message at its due time, never before, in order', async () => {
    const sent: [index: number, dueMs: number, atMs: number][] = [];
    await sendPaced(0.5, 50, (index, dueMs) => sent.push([index, dueMs, performance.now()]));
    expect(sent.map(([index]) => index)).toEqual(Array.from({ length: 50 }, (_, index) => index));
    for (const [index, dueMs, atMs] of sent) {
      expect(dueMs - (sent[0]?.[1] ?? NaN)).toBeCloseTo(index * 0.5, 6);
      expect(atMs).toBeGreaterThanOrEqual(dueMs);
    }
  });

  it('counts every write and every round trip, and leaves no file', async () => {
    const payload = Buffer.from('{"tenant_id":"a"}\n'.repeat(10_000));
    expect(syncedWrites(directory.path, [payload], 3).times.count).toBe(3);
    expect((await syncedRoundTrips(directory.path, payload, 4)).count).toBe(4);
    expect(readdirSync(directory.path)).toEqual([]);
  });

  it('parses lines, and fails for invalid JSON or no payload', () => {
    const { rate, micros } = jsonParseCost([Buffer.from('{"tenant_id":"a"}\n')], 10_000);
    expect([rate > 0, micros > 0]).toEqual([true, true]);
    expect(() => jsonParseCost([Buffer.from('{\n')], 1)).toThrow(SyntaxError);
    expect(() => jsonParseCost([], 1)).toThrow(TypeError);
  });

  it('reads CPU time and memory of a process, and fails for one that does not exist', () => {
    const before = cpuSeconds(process.pid);
    expect(before).toBeGreaterThan(0);
    expect(peakMemoryMiB(process.pid)).toBeGreaterThan(10);
    expect(() => cpuSeconds(2 ** 30)).toThrow('ENOENT');
    expect(() => mainThreadCpuSeconds(2 ** 30)).toThrow('ENOENT');
  });

  it('reads what a process has written, and what a directory occupies', () => {
    const bytes = 1024 * 1024;
    mkdirSync(join(directory.path, 'below'));
    const [written, stored] = [writtenBytes(process.pid), storedBytes(directory.path)];
    writeFileSync(join(directory.path, 'below/file'), Buffer.alloc(bytes, 1), { flush: true });
    expect(writtenBytes(process.pid) - written).toBeGreaterThanOrEqual(bytes);
    const grown = storedBytes(directory.path) - stored;
    expect(grown).toBeGreaterThanOrEqual(bytes);
    expect(grown).toBeLessThan(bytes * 1.1);
    expect(() => writtenBytes(2 ** 30)).toThrow('ENOENT');
  });

  it('polls until a condition holds, and names a wrong result', async () => {
    let asked = 0;
    await until(() => (asked += 1) === 3);
    expect(asked).toBe(3);
    expect(() => {
      check(1, 2, 'the count');
    }).toThrow('the count is 1; it should be 2');
  });
});
