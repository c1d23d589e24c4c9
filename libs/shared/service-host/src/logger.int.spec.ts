import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeProgram, makeTempDirectory, type Program, type TempDirectory } from '@pulses/testing-processes';
import { spawnSync } from 'node:child_process';

const SOURCE = `
import { nodeProcess } from '@pulses/shared-process';
import { createLogger } from '@pulses/shared-service-host';

const { errorTerminal: terminal, argv: [format] } = nodeProcess();
const logger = createLogger({ service: 'sample', version: '1', level: 'info', format: format as 'auto', terminal });
logger.info({ port: 9000, token: 'hunter2' }, 'ready');
`;
const PRETTY = /\[\d\d:\d\d:\d\d\.\d{3}\] INFO: sample: ready \{"port":9000,"token":"\[Redacted\]"\}/;
const COLOURED = /INFO\u001b\[39m: \u001b\[36msample: ready/;

/** A pseudo-terminal around a program: util-linux has it on every Linux. */
const hasTerminal = process.platform === 'linux' && spawnSync('script', ['--version']).status === 0;
const onTerminal = hasTerminal ? it : it.skip;

describe('a logger', () => {
  let directory: TempDirectory;
  let program: Program;

  beforeAll(async () => {
    directory = await makeTempDirectory();
    program = await makeProgram(directory.path, SOURCE);
  });
  afterAll(() => directory.remove());

  const piped = (format: string) =>
    spawnSync(process.execPath, [program.path, format], { encoding: 'utf8', env: { FORCE_COLOR: '1' } }).stderr;
  const shown = (format: string, env: Record<string, string>) => {
    const command = `'${process.execPath}' '${program.path}' ${format}`;
    const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], TERM: 'xterm-256color', ...env },
    });
    return stdout;
  };

  it.each(['auto', 'json'])('writes JSON with %s where standard error is no terminal', (format) => {
    expect(JSON.parse(piped(format))).toMatchObject({ level: 'info', service: 'sample', port: 9000, msg: 'ready' });
  });

  it('writes text without colours with pretty where standard error is no terminal', () => {
    expect(piped('pretty')).toMatch(new RegExp(`^${PRETTY.source}\\n$`));
  });

  onTerminal('writes coloured text with auto on a terminal', () => {
    expect(shown('auto', {})).toMatch(COLOURED);
  });

  onTerminal('writes text without colours on a terminal with NO_COLOR', () => {
    expect(shown('auto', { NO_COLOR: '1' })).toMatch(PRETTY);
  });

  onTerminal('writes JSON with json on a terminal', () => {
    expect(JSON.parse(shown('json', {}))).toMatchObject({ msg: 'ready' });
  });
});
