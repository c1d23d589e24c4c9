import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeProgram, makeTempDirectory, type Program, type TempDirectory } from '@pulses/testing-processes';
import { spawnSync } from 'node:child_process';

const SOURCE = `
import { runService } from '@pulses/shared-service-host';

void runService({
  name: 'sample',
  summary: 'A service of a test.',
  settings: {},
  start: (_settings, logger) => {
    logger.info({ port: 9000, token: 'hunter2' }, 'ready');
    return Promise.resolve({ finished: Promise.resolve(), stop: () => Promise.resolve() });
  },
});
`;
const PRETTY = /\[\d\d:\d\d:\d\d\.\d{3}\] INFO: sample: ready \{"port":9000,"token":"\[Redacted\]"\}/;
const COLOURED = /INFO\u001b\[39m: \u001b\[36msample: ready/;

/** The arguments of `script`, which runs a command in a pseudo-terminal; util-linux and BSD have one each. */
function scriptArgs(command: readonly string[]): string[] {
  if (process.platform !== 'linux') return ['-q', '/dev/null', ...command];
  return ['-qec', command.map((word) => `'${word}'`).join(' '), '/dev/null'];
}

describe('a logger', () => {
  let directory: TempDirectory;
  let program: Program;

  beforeAll(async () => {
    directory = await makeTempDirectory();
    program = await makeProgram(directory.path, SOURCE);
  });
  afterAll(() => directory.remove());

  const piped = (format: string) =>
    spawnSync(process.execPath, [program.path, `--log-format=${format}`], {
      encoding: 'utf8',
      env: { FORCE_COLOR: '1' },
    }).stderr.split('\n')[0] ?? '';
  const shown = (format: string, env: Record<string, string>) => {
    const { stdout } = spawnSync('script', scriptArgs([process.execPath, program.path, `--log-format=${format}`]), {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], TERM: 'xterm-256color', ...env },
    });
    return stdout.split(/\r?\n/)[0] ?? '';
  };

  it.each(['auto', 'json'])('writes JSON with %s where standard error is no terminal', (format) => {
    expect(JSON.parse(piped(format))).toMatchObject({ level: 'info', service: 'sample', port: 9000, msg: 'ready' });
  });

  it('writes text without colours with pretty where standard error is no terminal', () => {
    expect(piped('pretty')).toMatch(new RegExp(`^${PRETTY.source}$`));
  });

  it('writes coloured text with auto on a terminal', () => {
    expect(shown('auto', {})).toMatch(COLOURED);
  });

  it('writes text without colours on a terminal with NO_COLOR', () => {
    expect(shown('auto', { NO_COLOR: '1' })).toMatch(PRETTY);
  });

  it('writes JSON with json on a terminal', () => {
    expect(JSON.parse(shown('json', {}))).toMatchObject({ msg: 'ready' });
  });
});
