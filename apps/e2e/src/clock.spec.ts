// The broker's clock jumps: log time waits for it or runs ahead with it, and never goes back.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  freePort,
  makeTempDirectory,
  startApp,
  stopAll,
  type RunningApp,
  type TempDirectory,
} from '@pulses/testing-processes';
import { numberText } from '@pulses/testing-system';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startIngestor } from './testing/ingestor-process';
import { publishLines, readLines, sendText } from './testing/line-client';
import { loadLine } from './testing/steady-load';
import { checkWhole } from './testing/whole-check';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WINDOW_MS = 500;
const PER_STEP = 60;

/** Loaded before the broker's bundle: moves its wall clock by what the file says, read again at each SIGUSR2. */
const SHIM = `
const { readFileSync } = require('node:fs');
const path = process.env.CLOCK_OFFSET_FILE;
const now = Date.now;
let offset = Number(readFileSync(path, 'utf8'));
Date.now = () => now() + offset;
process.on('SIGUSR2', () => {
  offset = Number(readFileSync(path, 'utf8'));
  process.stderr.write('clock is off by ' + offset + '\\n');
});
`;

describe('a broker whose clock jumps', () => {
  let directory: TempDirectory;
  let broker: RunningApp;
  let port: number;
  let args: readonly string[];
  let env: Readonly<Record<string, string>>;
  let stored = 0;

  beforeEach(async () => {
    directory = await makeTempDirectory();
    port = await freePort();
    const [shimPath, offsetPath] = [join(directory.path, 'shim.cjs'), join(directory.path, 'offset')];
    await writeFile(shimPath, SHIM);
    args = [`--port=${port}`, `--http-port=${await freePort()}`, `--data-dir=${join(directory.path, 'data')}`];
    env = { NODE_OPTIONS: `--require=${shimPath}`, CLOCK_OFFSET_FILE: offsetPath };
    stored = 0;
    await startAt(0);
  });
  afterEach(async () => {
    await stopAll();
    await directory.remove();
  });

  const setOffset = (offsetMs: number) => writeFile(env['CLOCK_OFFSET_FILE'] ?? '', String(offsetMs));

  async function startAt(offsetMs: number): Promise<void> {
    await setOffset(offsetMs);
    broker = startApp({ app: 'broker', args, env });
    await broker.waitForReady();
  }

  async function jumpTo(offsetMs: number): Promise<void> {
    await setOffset(offsetMs);
    broker.signal('SIGUSR2');
    await broker.waitForOutput(new RegExp(`clock is off by ${offsetMs}\\n`));
  }

  /** Messages in several windows, unless log time stands still. */
  async function publish(): Promise<void> {
    for (let part = 0; part < 3; part += 1) {
      const lines = Array.from({ length: PER_STEP / 3 }, (_, index) => loadLine(stored + index));
      await publishLines(port, 'source.pulses', lines);
      stored += lines.length;
      await readLines(port, 'source.pulses', stored);
      // The pace of the load, not a wait: messages fall into several windows.
      await new Promise((resolve) => setTimeout(resolve, WINDOW_MS / 2));
    }
  }

  it('loses, splits and repeats no window, through jumps of an hour and of a day and restarts in the past', async () => {
    const ingestor = await startIngestor(port, { args: [`--flush-interval=${WINDOW_MS}ms`] });
    await ingestor.untilRole('active');
    // By how much the clock is off in the end; a jump back only stands still until the wall clock catches up.
    for (const offsetMs of [0, HOUR_MS, 0, 2 * HOUR_MS, HOUR_MS, DAY_MS, 0, -DAY_MS, 2 * DAY_MS]) {
      await jumpTo(offsetMs);
      await publish();
    }
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      broker.signal(signal);
      await broker.exited;
      await startAt(-DAY_MS);
      await publish();
    }
    await jumpTo(4 * DAY_MS);
    await publish();
    const { differences, windowCount } = await checkWhole(port, stored);
    expect(differences).toEqual([]);
    expect(windowCount).toBeGreaterThan(10);
    const audit = startApp({ app: 'cli', args: ['audit', `--port=${port}`] });
    expect([(await audit.exited).code, audit.stdout]).toEqual([0, expect.stringContaining('"equal":true')]);
  });

  it('never stamps a message earlier than the one before, after a jump back or a restart in the past', async () => {
    const ingestor = await startIngestor(port, { args: [`--flush-interval=${WINDOW_MS}ms`] });
    await jumpTo(DAY_MS);
    await sendText(port, `sink-connector_source.pulses\n${loadLine(0, { tenant: 'acme' })}\n`);
    const stamps = async (count: number) =>
      (await readLines(port, 'tenants.acme.grouped.pulses', count)).map((line) =>
        Number(numberText(line, 'timestamp')),
      );
    const [first = NaN] = await stamps(1);
    expect(first * 1000).toBeGreaterThan(Date.now() + DAY_MS / 2);
    await jumpTo(0);
    await sendText(port, `sink-connector_source.pulses\n${loadLine(1, { tenant: 'acme' })}\n`);
    await stamps(2);
    broker.signal('SIGKILL');
    await broker.exited;
    await startAt(-DAY_MS);
    await sendText(port, `sink-connector_source.pulses\n${loadLine(2, { tenant: 'acme' })}\n`);
    const all = await stamps(3);
    expect(all).toEqual([...all].sort((left, right) => left - right));
    await ingestor.app.stop();
  });
});
