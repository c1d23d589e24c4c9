// The outputs are a function of the source log alone: one log, different ingestors, the same lines byte for byte.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { INGESTOR_FAILPOINTS } from '@pulses/shared-failpoints';
import { freePort, makeTempDirectory, startApp, stopAll, type TempDirectory } from '@pulses/testing-processes';
import { startRedis } from '@pulses/testing-services';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { startIngestor } from './testing/ingestor-process';
import { readLines } from './testing/line-client';
import { startLoad } from './testing/steady-load';
import { testBuildPath } from './testing/test-build';
import { checkWhole } from './testing/whole-check';

const WINDOW = '--flush-interval=100ms';
const COUNT = 4_000;

/** By topic: its lines. */
type Topics = Map<string, string>;

async function topicsOf(port: number): Promise<Topics> {
  const app = startApp({ app: 'cli', args: ['topics', `--port=${port}`, '--json'] });
  expect(await app.exited).toEqual({ code: 0, signal: null });
  const topics: Topics = new Map();
  for (const line of app.stdout.split('\n').slice(0, -1)) {
    const { topic, messages } = JSON.parse(line) as { topic: string; messages: number };
    topics.set(topic, (await readLines(port, topic, messages)).join('\n'));
  }
  return topics;
}

describe('one source log', () => {
  let directory: TempDirectory;
  let undisturbed: Topics;
  const dataDir = (name: string) => join(directory.path, name);

  async function startBroker(name: string, args: readonly string[] = []) {
    const port = await freePort();
    const app = startApp({
      app: 'broker',
      args: [`--port=${port}`, `--http-port=${await freePort()}`, `--data-dir=${dataDir(name)}`, ...args],
    });
    await app.waitForReady();
    return { port, app };
  }

  /** Runs `work` beside a broker on a copy of the log until all is written; answers what the topics hold then. */
  async function outputsOf(
    name: string,
    work: (port: number) => Promise<void>,
    args?: readonly string[],
  ): Promise<Topics> {
    await cp(dataDir('source'), dataDir(name), { recursive: true });
    const { port, app } = await startBroker(name, args);
    await work(port);
    const { differences } = await checkWhole(port, COUNT);
    expect(differences).toEqual([]);
    const topics = await topicsOf(port);
    await stopAll();
    expect(await app.exited).toEqual({ code: 0, signal: null });
    return topics;
  }

  const ingest =
    (args: readonly string[] = []) =>
    async (port: number) => {
      await startIngestor(port, { args: [WINDOW, ...args] });
    };

  beforeAll(async () => {
    directory = await makeTempDirectory();
    const { port } = await startBroker('source');
    const load = await startLoad(port);
    // In many batches, over many windows. The pauses set the pace; nothing waits for them.
    while (load.lines.length < COUNT) {
      load.send(Math.min(40, COUNT - load.lines.length));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(await load.finish()).toBe(COUNT);
    await stopAll();
    undisturbed = await outputsOf('undisturbed', ingest());
  });
  afterAll(async () => {
    await stopAll();
    await directory.remove();
  });

  it('fills more than one topic, and more than one window', () => {
    expect(undisturbed.size).toBe(8);
    const sums = undisturbed.get('tenants.acme.aggregated.pulses.amount') ?? '';
    expect(new Set(sums.match(/"window_start":[\d.]+/g)).size).toBeGreaterThan(5);
  });

  it('gives the same bytes through a broker that sends other batches, without sync', async () => {
    expect(
      await outputsOf('batches', ingest(), ['--tail-bytes=1MiB', '--segment-bytes=1MiB', '--fsync=never']),
    ).toEqual(undisturbed);
  });

  it('gives the same bytes through an ingestor that is stopped and woken at odd moments', async () => {
    const topics = await outputsOf('pauses', async (port) => {
      const { app } = await startIngestor(port, { args: [WINDOW] });
      for (let turn = 0; turn < 20; turn += 1) {
        for (const signal of ['SIGSTOP', 'SIGCONT'] as const) {
          app.signal(signal);
          // A pause of another length each time, not a wait.
          await new Promise((resolve) => setTimeout(resolve, turn));
        }
      }
    });
    expect(topics).toEqual(undisturbed);
  });

  it('gives the same bytes through ingestors that are killed at every failpoint', async () => {
    const topics = await outputsOf('crashes', async (port) => {
      for (const name of INGESTOR_FAILPOINTS) {
        // Reached on the way out alone.
        if (name === 'session.before-leave') continue;
        const env = { PULSES_FAILPOINT: name };
        const { app } = await startIngestor(port, { args: [WINDOW], mainPath: testBuildPath('ingestor'), env });
        expect([name, await app.exited]).toEqual([name, { code: null, signal: 'SIGKILL' }]);
      }
      await startIngestor(port, { args: [WINDOW] });
    });
    expect(topics).toEqual(undisturbed);
  });

  it('gives the same bytes through the Redis engine', async () => {
    const redis = await startRedis({ own: true });
    try {
      expect(await outputsOf('redis', ingest(['--engine=redis', `--redis-url=${redis.url}`]))).toEqual(undisturbed);
    } finally {
      await redis.stop();
    }
  });
});
