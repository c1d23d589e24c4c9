import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort, until } from '@pulses/testing-processes';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createScratchWorkspace, type ScratchWorkspace } from './testing/scratch-workspace';

interface LogLine {
  readonly service: string;
  readonly pid: number;
  readonly msg: string;
}

describe('nx serve ingestor --watch', () => {
  let scratch: ScratchWorkspace;
  let nx: ChildProcess;
  let output = '';

  const logged = (service: string, msg: string): LogLine[] =>
    output
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as LogLine)
      .filter((line) => line.service === service && line.msg === msg);
  const change = (path: string, from: string, to: string) => {
    const text = readFileSync(join(scratch.root, path), 'utf8');
    expect(text).toContain(from);
    scratch.write(path, text.replace(from, to));
  };

  beforeAll(async () => {
    scratch = createScratchWorkspace();
    const [port, brokerHttp, ingestorHttp] = [await freePort(), await freePort(), await freePort()];
    nx = spawn(
      process.execPath,
      [join(scratch.root, 'node_modules/.bin/nx'), 'serve', 'ingestor', '--watch', `--port=${port}`],
      {
        cwd: scratch.root,
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...process.env,
          NX_DAEMON: 'false',
          NX_TUI: 'false',
          PULSES_DATA_DIR: join(scratch.root, 'data'),
          PULSES_BROKER_HTTP_PORT: String(brokerHttp),
          PULSES_HTTP_PORT: String(ingestorHttp),
        },
      },
    );
    for (const stream of [nx.stdout, nx.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (output += text));
  });
  afterAll(async () => {
    if (nx.pid !== undefined && nx.exitCode === null) {
      process.kill(-nx.pid, 'SIGINT');
      await once(nx, 'exit');
    }
    scratch.remove();
  });

  it('rebuilds and restarts only what a change touches', async () => {
    await until(() => logged('ingestor', 'session active').length === 1);
    change('apps/ingestor/src/start-ingestor.ts', "'ingestor starting'", "'ingestor starting anew'");
    await until(() => logged('ingestor', 'session active').length === 2);
    expect(logged('ingestor', 'ingestor starting anew')).toHaveLength(1);
    expect(logged('broker', 'broker ready')).toHaveLength(1);

    change('apps/broker/src/start-broker.ts', "'broker ready'", "'broker ready anew'");
    await until(() => logged('ingestor', 'session active').length === 3);
    expect(logged('broker', 'broker ready anew')).toHaveLength(1);
  });

  it('keeps the running bundle when a build fails, and starts the next one that works', async () => {
    change('apps/ingestor/src/start-ingestor.ts', "'ingestor starting anew'", "'ingestor starting anew");
    await until(() => output.includes('Unterminated string literal'));
    expect(logged('ingestor', 'stopped')).toHaveLength(2);

    change('apps/ingestor/src/start-ingestor.ts', "'ingestor starting anew", "'ingestor starting again'");
    await until(() => logged('ingestor', 'ingestor starting again').length === 1);
    expect(logged('broker', 'broker ready anew')).toHaveLength(1);
  });
});
