import { describe, expect, it } from '@jest/globals';
import { type OutputCommit, tenantOutputs } from '@pulses/connector-api';
import { createReferenceEngine } from '@pulses/testing-aggregation-conformance';
import { fill, windowAt } from '../testing/filled-window';
import { emitWindow, sealWindow } from './window-emitter';

const START_MS = 1_700_000_000_000;
const TENANTS = 3;
const COMMIT_BYTES = 4 * 1024 * 1024;

/** 256 bytes that JSON escapes, and a number in front. */
const label = (number: number): string => `${number}`.padEnd(256, '"');

const lineOf = (key: number): string =>
  JSON.stringify({
    tenant_id: label(key % TENANTS),
    product_sku: label(key),
    use_unity: label(0),
    used_ammount: key,
  });

/** The commits of a window of `keyCount` of the longest keys. The topic makes the lines longer still. */
async function emit(
  keyCount: number,
  sumsMax: number,
  tenantsMax = TENANTS,
  sumsNow = () => sumsMax,
): Promise<{ commit: OutputCommit; lineCount: number }[]> {
  const source = { topic: 't'.repeat(4_000), incarnation: '0'.repeat(32) };
  const engine = createReferenceEngine();
  await engine.open({ ...source, group: 'g', windowMs: 5_000 }, 0);
  const window = windowAt(START_MS);
  for (let key = 0; key < keyCount; key += 50)
    await fill(
      engine,
      window,
      Array.from({ length: 50 }, (_, index) => lineOf(key + index)),
    );
  await sealWindow(engine, window);
  const commits: { commit: OutputCommit; lineCount: number }[] = [];
  const emission = emitWindow(
    engine,
    source,
    window,
    { sumsMax, sumsNow, tenantsMax, keysPerStep: 30, commitBytes: 4 * 1024 * 1024 },
    (commit, lineCount) => {
      commits.push({ commit, lineCount });
      return Promise.resolve();
    },
  );
  while ((await emission.next()).done !== true);
  return commits;
}

describe('the sums of a window of long keys', () => {
  it.each([8_192, 1_000, 7])('are whole lines in commits of bounded size, with up to %i a commit', async (sumsMax) => {
    const keyCount = 1_000;
    const commits = await emit(keyCount, sumsMax);
    const skus: string[] = [];
    for (const { commit, lineCount } of commits) {
      const outputs = tenantOutputs(commit.aggregated);
      const payloads = outputs.map(({ payload }) => Buffer.from(payload).toString());
      const lines = payloads.map((payload) => payload.split('\n').slice(0, -1));
      expect(lines.map((own) => own.length)).toEqual(outputs.map(({ recordCount }) => recordCount));
      const sums = lines.flat().map((text) => JSON.parse(text) as { product_sku: string; total_amount: number });
      expect(sums).toHaveLength(lineCount);
      for (const { product_sku, total_amount } of sums) expect(product_sku).toBe(label(total_amount));
      skus.push(...sums.map(({ product_sku }) => product_sku));
      const longest = Math.max(...lines.flat().map((text) => text.length + 1));
      const bytes = payloads.reduce((total, payload) => total + payload.length, 0);
      expect(bytes).toBeLessThan(COMMIT_BYTES + longest);
    }
    expect(skus.length).toBe(keyCount);
    expect(new Set(skus)).toEqual(new Set(Array.from({ length: keyCount }, (_, key) => label(key))));
    expect(commits.length).toBe(sumsMax === 7 ? Math.ceil(keyCount / 7) : 2);
  });

  it('are as many in a commit as suits when it begins', async () => {
    const sizes = [40, 70, 10, 70];
    const commits = await emit(150, 70, TENANTS, () => sizes.shift() ?? 70);
    expect(commits.map(({ lineCount }) => lineCount)).toEqual([40, 70, 10, 30]);
  });

  it('leave tenant by tenant, at most as many in a commit as it should have', async () => {
    const tenantsOf = (commits: Awaited<ReturnType<typeof emit>>) =>
      commits.map(({ commit }) => tenantOutputs(commit.aggregated).map(({ recordCount }) => recordCount));
    expect(tenantsOf(await emit(150, 70))).toEqual([[50, 20], [30, 40], [10]]);
    expect(tenantsOf(await emit(150, 1_000, 2))).toEqual([[50, 50], [50]]);
    expect(tenantsOf(await emit(150, 40, 1))).toEqual([[40], [10], [40], [10], [40], [10]]);
  });
});
