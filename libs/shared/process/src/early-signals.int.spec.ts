import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeProgram, makeTempDirectory, stopAll, type Program, type TempDirectory } from '@pulses/testing-processes';

const SOURCE = `
import { holdSignals, nodeProcess } from '@pulses/shared-process';

holdSignals();
process.stdout.write('holding\\n');
process.stdin.once('data', () => {
  const heard: string[] = [];
  nodeProcess().onSignal((signal) => {
    heard.push(signal);
    if (heard.length === 2) process.stdout.write(heard.sort().join() + '\\n', () => process.exit(0));
  });
});
`;

describe('a signal before the program listens', () => {
  let directory: TempDirectory;
  let program: Program;

  beforeAll(async () => {
    directory = await makeTempDirectory();
    program = await makeProgram(directory.path, SOURCE);
  });
  afterAll(async () => {
    await stopAll();
    await directory.remove();
  });

  it('is kept until it does, and SIGHUP and SIGUSR1 do nothing', async () => {
    const app = program.start();
    await app.waitForOutput(/holding/);
    for (const signal of ['SIGHUP', 'SIGUSR1', 'SIGTERM'] as const) app.signal(signal);
    app.stdin.write('listen\n');
    app.signal('SIGINT');
    expect(await app.exited).toEqual({ code: 0, signal: null });
    expect([app.stdout, app.stderr]).toEqual(['holding\nSIGINT,SIGTERM\n', '']);
  });
});
