import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { makeTempDirectory, startApp, stopAll } from '@pulses/testing-processes';
import { pulseLine, startSystem, type System } from '@pulses/testing-system';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { publishLines, readLines } from './testing/line-client';

const DEAD = 'source.pulses.dead-letter';

async function run(args: readonly string[]) {
  const app = startApp({ app: 'cli', args });
  const { code } = await app.exited;
  return { code, stdout: app.stdout, stderr: app.stderr };
}

const json = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('pulses dead-letters', () => {
  let system: System;
  const at = () => `--port=${system.port}`;
  const source = (count: number) => readLines(system.port, 'source.pulses', count);
  const letters = async (...flags: string[]) => json((await run(['dead-letters', at(), ...flags])).stdout);
  const redrive = (...flags: string[]) => run(['dead-letters', 'redrive', at(), ...flags]);
  const counts = (selected: number, redriven: number, before: number) =>
    `${JSON.stringify({ letters_selected: selected, letters_redriven: redriven, letters_redriven_before: before })}\n`;

  beforeEach(async () => {
    system = await startSystem({ ingestorArgs: ['--flush-interval', '1s'] });
  });
  afterEach(async () => {
    await stopAll();
    await system.stop();
  });

  const PULSE = pulseLine({ tenant: 'acme', sku: 'vm', unit: 'h', amount: '2' });
  const BAD = ['no \u001b[2Jpulse', '[]', '{"a":1,"a":2}'];

  async function publishBad(): Promise<void> {
    await publishLines(system.port, 'source.pulses', [BAD[0]!, PULSE, BAD[1]!, BAD[2]!]); // BAD has three
    await readLines(system.port, DEAD, 3);
  }

  it('lists them with reason and detail, and their bytes as they came', async () => {
    expect(await run(['dead-letters', at()])).toEqual({ code: 0, stdout: '', stderr: '' });
    await publishBad();
    const all = await letters();
    expect(all).toMatchObject([
      { offset: 0, source_offset: 0, reason: 'not_json', redriven: false, time: expect.stringMatching(/Z$/) },
      { offset: 1, source_offset: 2, reason: 'not_object', detail: expect.stringMatching(/./) },
      { offset: 2, source_offset: 3, reason: 'duplicate_key' },
    ]);
    expect(all[0]).not.toHaveProperty('raw');
    const [first] = await letters('--raw', '--count=1');
    expect(Buffer.from(first?.['raw'] as string, 'base64').toString()).toBe(BAD[0]);
    expect(await letters('--reason=not_object')).toEqual([all[1]]);
    expect(await letters('--from=1', '--to=2')).toEqual([all[1]]);
    expect((await run(['dead-letters', at(), '--reason=bad'])).code).toBe(2);
    expect(await run(['dead-letters', at(), '--source-topic=none'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('none does not exist'),
    });
  });

  it('publishes them again, each once, however often it is asked to', async () => {
    await publishBad();
    await system.ingestor.stop();
    expect(await redrive('--from=1', '--to=2')).toEqual({ code: 0, stdout: counts(1, 1, 0), stderr: '' });
    expect(await source(5)).toEqual([BAD[0], PULSE, BAD[1], BAD[2], BAD[1]]);
    expect((await redrive('--reason=not_object')).stdout).toBe(counts(1, 0, 1));
    expect((await redrive()).stdout).toBe(counts(3, 2, 1));
    expect((await redrive()).stdout).toBe(counts(3, 0, 3));
    // The next message comes right behind those: none stands twice.
    await publishLines(system.port, 'source.pulses', [PULSE]);
    expect((await source(8)).slice(4)).toEqual([BAD[1], BAD[0], BAD[2], PULSE]);
    expect((await letters()).map(({ redriven }) => redriven)).toEqual([true, true, true]);
  });

  it('publishes corrected messages in their place, and the outputs still equal the source', async () => {
    await publishBad();
    const directory = await makeTempDirectory();
    const file = join(directory.path, 'mended');
    const mended = ['3', '4'].map((amount) => pulseLine({ tenant: 'acme', sku: 'vm', unit: 'h', amount }));
    await writeFile(file, `${mended.join('\n')}\n`);
    const wrong = await redrive(`--replace-with=${file}`);
    expect(wrong).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('the file has 2 lines, and 3 dead letters are chosen'),
    });
    expect((await letters()).map(({ redriven }) => redriven)).toEqual([false, false, false]);
    expect((await redrive('--from=1', `--replace-with=${file}`)).stdout).toBe(counts(2, 2, 0));
    expect((await redrive('--from=1', `--replace-with=${file}`)).stdout).toBe(counts(2, 0, 2));
    await directory.remove();
    await readLines(system.port, 'tenants.acme.grouped.pulses', 3);
    expect(json((await run(['totals', at()])).stdout)).toMatchObject([{ total_amount: 9, pulse_count: 3 }]);
    expect((await run(['audit', at()])).code).toBe(0);
  });

  it('writes a new dead letter for what is still no pulse, which can be redriven in turn', async () => {
    await publishBad();
    expect((await redrive('--reason=not_object')).stdout).toBe(counts(1, 1, 0));
    await readLines(system.port, DEAD, 4);
    expect(await letters('--reason=not_object')).toMatchObject([
      { offset: 1, source_offset: 2, redriven: true },
      { offset: 3, source_offset: 4, redriven: false },
    ]);
    expect((await redrive('--reason=not_object')).stdout).toBe(counts(2, 1, 1));
  });

  it('publishes each once when several run, are killed, and the broker is killed too', async () => {
    const count = 20_000;
    const bad = Array.from({ length: count }, (_, index) => `bad ${index} ${'x'.repeat(200)}`);
    await publishLines(system.port, 'source.pulses', bad);
    await readLines(system.port, DEAD, count);
    await system.ingestor.stop();
    const start = () => startApp({ app: 'cli', args: ['dead-letters', 'redrive', at()] });
    const arrived = source(count + 5_000);
    const killed = start();
    const waiting = start();
    await arrived;
    killed.signal('SIGKILL');
    await killed.exited;
    await system.restart('broker', 'SIGKILL');
    await waiting.exited;
    const [one, other] = await Promise.all([redrive(), redrive()]);
    expect([one.code, other.code]).toEqual([0, 0]);
    const after = json((await run(['topics', at(), '--prefix=source.pulses'])).stdout)[0];
    expect(after).toMatchObject({ messages: 2 * count });
    // Two positions hold the marks; neither keeps letters from retention.
    const marks = json((await run(['positions', at(), `--group=redrive@${DEAD}`])).stdout);
    expect(marks.map(({ lag }) => lag)).toEqual([0, 0]);
    const all = await source(2 * count);
    expect(all.slice(count)).toEqual(bad);
    expect((await redrive()).stdout).toBe(counts(count, 0, count));
  });
});
