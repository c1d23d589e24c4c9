// A service as a process of its own: real signals, real standard streams.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeProgram, makeTempDirectory, stopAll, type Program, type TempDirectory } from '@pulses/testing-processes';
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';

const SECRET = 'hunter2';

const SOURCE = `
import { runService } from '@pulses/shared-service-host';
import { booleanSetting, textSetting } from '@pulses/shared-settings';

void runService({
  name: 'sample',
  summary: 'A service of a test.',
  settings: {
    crash: booleanSetting({ flag: 'crash', description: 'Throws without a handler.' }),
    reject: booleanSetting({ flag: 'reject', description: 'Rejects without a handler.' }),
    word: textSetting({ flag: 'word', default: 'x', description: 'A word to print at the end.' }),
  },
  start: (settings, logger) => {
    const keepAlive = setInterval(() => undefined, 60_000);
    logger.warn(
      { token: '${SECRET}', password: '${SECRET}', authToken: '${SECRET}', nested: { token: '${SECRET}' }, tenant: 't' },
      'secrets',
    );
    logger.debug({}, 'unseen');
    if (settings.crash) setImmediate(() => { throw new Error('not\\n caught'); });
    if (settings.reject) void Promise.reject(new Error('not\\n caught'));
    process.stdout.write('started\\n');
    process.send?.('started');
    logger.info({}, 'ready');
    return Promise.resolve({
      stop: () => {
        clearInterval(keepAlive);
        process.stdout.write(settings.word + '\\n');
        return Promise.resolve();
      },
    });
  },
});
`;

describe('a service process', () => {
  let directory: TempDirectory;
  let program: Program;

  beforeAll(async () => {
    directory = await makeTempDirectory();
    program = await makeProgram(directory.path, SOURCE);
  });
  const children: ChildProcess[] = [];
  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await stopAll();
    await directory.remove();
  });

  /** Starts it like a launcher: with an IPC channel, over which it reports its start. */
  async function launch(stdio: StdioOptions): Promise<ChildProcess> {
    const child = spawn(process.execPath, [program.path], { stdio });
    children.push(child);
    await once(child, 'message');
    return child;
  }

  it('logs one JSON object a line on standard error, and nothing else there', async () => {
    const app = program.start();
    await app.waitForOutput(/ready/);
    expect(await app.stop()).toEqual({ code: 0, signal: null });
    expect(app.stdout).toBe('started\nx\n');
    const lines = app.stderr.trimEnd().split('\n');
    const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map(({ level, msg }) => [level, msg])).toEqual([
      ['warn', 'secrets'],
      ['info', 'ready'],
      ['info', 'stopping'],
      ['info', 'stopped'],
    ]);
    for (const event of events) {
      expect(event).toMatchObject({ service: 'sample', version: '0.0.0-unbundled', pid: app.pid });
      expect(event['time']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }
  });

  it('never logs a secret', async () => {
    const app = program.start();
    await app.waitForOutput(/ready/);
    await app.stop();
    expect(app.stderr).not.toContain(SECRET);
    expect(app.stderr).toContain('"tenant":"t"');
  });

  it('respects the log level', async () => {
    const app = program.start({ args: ['--log-level=debug'] });
    await app.waitForOutput(/unseen/);
    await app.stop();
    const silent = program.start({ env: { PULSES_LOG_LEVEL: 'fatal' } });
    await silent.waitForOutput(/started/);
    expect(await silent.stop()).toEqual({ code: 0, signal: null });
    expect(silent.stderr).toBe('');
  });

  it.each(['SIGHUP', 'SIGUSR1'] as const)('runs on after %s, without a debugger', async (signal) => {
    const app = program.start();
    await app.waitForOutput(/ready/);
    app.signal(signal);
    if (signal === 'SIGHUP') await app.waitForOutput(/tokens and certificates reloaded/);
    expect(await app.stop()).toEqual({ code: 0, signal: null });
    expect(app.stderr).not.toContain('Debugger listening');
  });

  it.each(['crash', 'reject'])('ends with 1 and reports the cause after an uncaught failure: %s', async (how) => {
    const app = program.start({ args: [`--${how}`] });
    expect(await app.exited).toEqual({ code: 1, signal: null });
    const lines = app.stderr.trimEnd().split('\n');
    expect(lines.at(-1)).toBe('sample: not caught');
    expect(JSON.parse(lines.at(-2) ?? '')).toMatchObject({
      level: 'fatal',
      msg: 'unexpected failure',
      err: { type: 'Error' },
    });
  });

  it('prints the whole help into a pipe', async () => {
    const app = program.start({ args: ['--help'] });
    expect(await app.exited).toEqual({ code: 0, signal: null });
    expect(app.stdout.endsWith('Prints the version.\n')).toBe(true);
  });

  it('stops cleanly after the reader of its log has closed', async () => {
    const child = await launch(['ignore', 'pipe', 'pipe', 'ipc']);
    child.stderr?.destroy();
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('stops cleanly when its launching process ends', async () => {
    const child = await launch(['ignore', 'ignore', 'ignore', 'ipc']);
    child.disconnect();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});
