import { afterEach, describe, expect, it } from '@jest/globals';
import { appendFile, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { startApp, stopAll, until } from '@pulses/testing-processes';
import { startBrokerProcess, startSystem, type BrokerProcess } from '@pulses/testing-system';
import { publishLines, readLines } from './testing/line-client';

async function run(args: readonly string[]) {
  const app = startApp({ app: 'cli', args });
  const { code } = await app.exited;
  return { code, stdout: app.stdout, stderr: app.stderr };
}

/** All lines of a topic's files, in order. */
async function linesIn(directory: string): Promise<string[]> {
  const names = (await readdir(directory).catch(() => [])).filter((name) => name.endsWith('.ndjson'));
  const texts = await Promise.all(names.sort().map((name) => readFile(join(directory, name), 'utf8')));
  return texts.join('').split('\n').slice(0, -1);
}

const lines = (from: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `{"line":${from + index}}`);

describe('readable files of a broker', () => {
  let broker: BrokerProcess;
  const directoryOf = (topic: string): string => join(broker.dataDir, 'topics', topic);
  const settle = (topic: string, expected: readonly string[]) =>
    until(async () => (await linesIn(directoryOf(topic))).join('\n') === expected.join('\n'));

  afterEach(async () => {
    await broker.stop();
    await stopAll();
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)('hold what was published, also after %s', async (signal) => {
    broker = await startBrokerProcess();
    const all: string[] = [];
    for (let round = 0; round < 3; round += 1) {
      const some = lines(all.length, 100);
      await publishLines(broker.port, 'source.pulses', some);
      all.push(...some);
      await readLines(broker.port, 'source.pulses', all.length);
      if (round === 1) {
        await settle('source.pulses', all);
        // As a kill in the middle of a line leaves it.
        await appendFile(join(directoryOf('source.pulses'), '0000000000000000.ndjson'), '{"lin');
      }
      await broker.restart(signal);
    }
    await settle('source.pulses', all);
    const [name = ''] = await readdir(directoryOf('source.pulses'));
    expect((await stat(join(directoryOf('source.pulses'), name))).mode & 0o777).toBe(0o600);
  });

  it('go with their topic, and come again with it', async () => {
    broker = await startBrokerProcess();
    await publishLines(broker.port, 'a', lines(0, 10));
    await settle('a', lines(0, 10));
    const clean = startApp({ app: 'stub-generator', args: [`--port=${broker.port}`, '--clean', '--count=5'] });
    expect((await clean.exited).code).toBe(0);
    await until(async () => !(await readdir(join(broker.dataDir, 'topics'))).includes('a'));
    await publishLines(broker.port, 'a', lines(70, 20));
    await settle('a', lines(70, 20));
  });

  it('stop with more than 1,000 topics, and are written for any number when asked for', async () => {
    broker = await startBrokerProcess();
    for (let topic = 0; topic < 1_001; topic += 1) await publishLines(broker.port, `t${topic}`, ['x']);
    await until(() =>
      Promise.resolve(/readable files stop: there are more topics/.test(broker.app.stderr + broker.app.stdout)),
    );
    const out = join(broker.dataDir, '..', 'out');
    const exported = await run(['export', `--port=${broker.port}`, `--to=${out}`]);
    expect(JSON.parse(exported.stdout)).toMatchObject({ topics_written: 1_001, messages_written: 1_001 });
    expect(await linesIn(join(out, 't1000'))).toEqual(['x']);
  });

  it('are not kept when they are not wanted', async () => {
    broker = await startBrokerProcess(['--readable-files=off']);
    await publishLines(broker.port, 'a', ['x']);
    await readLines(broker.port, 'a', 1);
    await broker.restart('SIGTERM');
    expect(await readdir(broker.dataDir)).not.toContain('topics');
  });
});

describe('pulses export', () => {
  afterEach(stopAll);

  it('writes what every topic of a system holds, byte for byte, and continues', async () => {
    const system = await startSystem({ ingestorArgs: ['--flush-interval', '1s'] });
    try {
      const out = join(system.dataDir, '..', 'out');
      const load = ['--tenants=5', '--skus=3', '--count=500', '--rate=max', `--port=${system.port}`];
      for (let round = 1; round <= 2; round += 1) {
        expect((await startApp({ app: 'stub-generator', args: load }).exited).code).toBe(0);
        await until(async () =>
          (await run(['audit', `--port=${system.port}`])).stdout.includes(`"grouped_lines":${round * 500}`),
        );
        expect((await run(['export', `--port=${system.port}`, `--to=${out}`])).code).toBe(0);
      }
      const listed = (await run(['topics', `--port=${system.port}`])).stdout.split('\n').slice(0, -1);
      let compared = 0;
      for (const { topic } of listed.map((line) => JSON.parse(line) as { topic: string })) {
        const written = await linesIn(join(out, topic));
        if (written.length === 0) continue;
        const { stdout } = await run(['cat', topic, `--port=${system.port}`, `--count=${written.length}`]);
        expect(stdout).toBe(written.map((line) => `${line}\n`).join(''));
        compared += 1;
      }
      expect(compared).toBeGreaterThan(5);
      await rm(out, { recursive: true });
    } finally {
      await system.stop();
    }
  });
});
