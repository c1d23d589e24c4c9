import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeProgram, makeTempDirectory, stopAll, type Program, type TempDirectory } from '@pulses/testing-processes';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

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

/** Holds signals, blocks its event loop until a file exists, and listens. */
const LOADING = `
import { existsSync, writeSync } from 'node:fs';
import { holdSignals, nodeProcess } from '@pulses/shared-process';

holdSignals();
writeSync(1, 'loading\\n');
while (!existsSync(process.argv[2])) continue;
nodeProcess().onSignal((signal, earliestMs) => {
  writeSync(1, signal + (earliestMs === 0 ? ' came while it loaded\\n' : ' came later\\n'));
  if (signal === 'SIGTERM') process.exit(0);
});
setInterval(() => undefined, 1_000);
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

  it('may have come at any moment of the loading, a later one when it is heard', async () => {
    const place = await makeTempDirectory();
    const loaded = join(place.path, 'loaded');
    const app = (await makeProgram(place.path, LOADING)).start({ args: [loaded] });
    await app.waitForOutput(/loading/);
    app.signal('SIGINT');
    await writeFile(loaded, '');
    await app.waitForOutput(/while it loaded/);
    app.signal('SIGTERM');
    expect(await app.exited).toEqual({ code: 0, signal: null });
    expect(app.stdout).toBe('loading\nSIGINT came while it loaded\nSIGTERM came later\n');
    await place.remove();
  });
});
