import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeTempDirectory, type TempDirectory } from '@pulses/testing-processes';
import { readdirSync } from 'node:fs';
import { check, until } from './checks';
import { sendPaced } from './pacer';
import { cpuSeconds, mainThreadCpuSeconds, peakMemoryMiB } from './process-figures';
import { echoRoundTrips, jsonParseRate, syncedWrites } from './baselines';

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
    expect(readdirSync(directory.path)).toEqual([]);
    expect((await echoRoundTrips(payload, 4)).count).toBe(4);
  });

  it('parses lines, and fails for invalid JSON or no payload', () => {
    expect(jsonParseRate([Buffer.from('{"tenant_id":"a"}\n')], 7)).toBeGreaterThan(0);
    expect(() => jsonParseRate([Buffer.from('{\n')], 1)).toThrow(SyntaxError);
    expect(() => jsonParseRate([], 1)).toThrow(TypeError);
  });

  it('reads CPU time and memory of a process, and fails for one that does not exist', () => {
    const before = cpuSeconds(process.pid);
    expect(before).toBeGreaterThan(0);
    expect(peakMemoryMiB(process.pid)).toBeGreaterThan(10);
    expect(() => cpuSeconds(2 ** 30)).toThrow('ENOENT');
    expect(() => mainThreadCpuSeconds(2 ** 30)).toThrow('ENOENT');
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
