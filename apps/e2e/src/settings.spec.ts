import { afterEach, describe, expect, it } from '@jest/globals';
import {
  freePort,
  makeTempDirectory,
  startApp,
  stopAll,
  type AppName,
  type TempDirectory,
} from '@pulses/testing-processes';
import { startBrokerProcess } from '@pulses/testing-system';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const SERVICES: readonly AppName[] = ['broker', 'ingestor', 'stub-generator'];

async function run(app: AppName, args: readonly string[], env: Record<string, string> = {}) {
  const started = startApp({ app, args, env });
  const { code } = await started.exited;
  return { code, stdout: started.stdout, stderr: started.stderr };
}

const oneLine = (text: string) => text.endsWith('\n') && text.trimEnd().split('\n').length === 1;

describe('settings', () => {
  afterEach(stopAll);

  it.each([...SERVICES, 'cli'] as const)('%s explains itself with --help and tells its version', async (app) => {
    const help = await run(app, ['--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('Usage:');
    expect(await run(app, ['--version'])).toEqual({ code: 0, stdout: '0.1.0\n', stderr: '' });
  });

  it.each(SERVICES)('%s lists every flag with its variable', async (app) => {
    const { stdout } = await run(app, ['--help']);
    const flags = [...stdout.matchAll(/^ {2}--([a-z-]+)/gm)].map(([, flag]) => flag ?? '');
    expect(flags.length).toBeGreaterThan(5);
    const unwrapped = stdout.replace(/\s+/g, ' ');
    for (const flag of flags.filter((name) => name !== 'help' && name !== 'version'))
      expect(unwrapped).toContain(`PULSES_${flag.toUpperCase().replaceAll('-', '_')}`);
  });

  it.each([
    ['broker', ['--port', 'nine'], {}, /--port.*'nine'.*65535/],
    ['broker', ['--prot', '9'], {}, /--prot.*--port/],
    ['broker', ['--fsync', 'sometimes'], {}, /--fsync.*'sometimes'.*always.*never/],
    ['broker', ['--host', '0.0.0.0'], {}, /--host.*'0\.0\.0\.0'.*--insecure-bind/],
    ['broker', ['--http-host', '0.0.0.0'], {}, /--http-host.*'0\.0\.0\.0'.*--insecure-bind/],
    ['broker', [], { PULSES_PORT: '70000' }, /PULSES_PORT.*'70000'/],
    ['broker', ['stray'], {}, /'stray'/],
    ['ingestor', ['--flush-interval', '5'], {}, /--flush-interval.*'5'.*5s/],
    ['ingestor', ['--engine', 'paper'], {}, /--engine.*'paper'.*memory/],
    ['ingestor', ['--connector', 'pigeon'], {}, /--connector.*'pigeon'.*fs/],
    ['broker', [], { PULSES_PORT: 'tcp://10.0.0.7:9000' }, /PULSES_PORT.*enableServiceLinks: false/],
    ['ingestor', ['--engine=redis', '--redis-url=redis://:pa%ss@redis'], {}, /--redis-url: [^:]*: a % .*%25/],
    ['ingestor', ['--connector=nats', '--nats-url=nats://u:secret@far'], {}, /--nats-url: '…@far' is not valid/],
    ['ingestor', ['--connector=nats', '--nats-user=u'], {}, /--nats-user: allowed: only together with/],
    ['stub-generator', ['--tenants', '0'], {}, /--tenants.*'0'/],
    ['stub-generator', ['--rate', 'fast'], {}, /--rate.*'fast'.*max/],
    ['cli', ['totals', '--until', '20260301'], {}, /--until.*'20260301'.*dashes/],
    ['cli', ['totals', '--live', '--ingestor-http=h:abc'], {}, /--ingestor-http.*'h:abc'.*127\.0\.0\.1:9002/],
    ['cli', ['topix'], {}, /topix.*topics/],
    ...(['ingestor', 'stub-generator', 'cli'] as const).flatMap((app) => {
      const command = app === 'cli' ? ['topics'] : [];
      return [
        [app, [...command, '--kafka-brokers=h:1'], {}, /--kafka-brokers: has no effect with --connector fs; allowed/],
        [app, [...command, '--connector=kafka', '--port=9000'], {}, /--port: has no effect with --connector kafka/],
      ] as const;
    }),
    ...['kafka', 'nats'].map(
      (connector) =>
        [
          'cli',
          ['export', '--to=files', `--connector=${connector}`],
          {},
          /--connector: .*pulses cat TOPIC > FILE/,
        ] as const,
    ),
  ] as const)('%s %j refuses a bad setting with one line and exit code 2', async (app, args, env, line) => {
    const { code, stderr } = await run(app, args, env);
    expect(stderr).toMatch(line);
    expect(oneLine(stderr)).toBe(true);
    expect(code).toBe(2);
  });

  it('ends with exit code 2 when no NATS server is reached at the start', async () => {
    const args = ['--connector=nats', '--nats-url=nats://127.0.0.1:1', `--http-port=${await freePort()}`];
    const { code, stderr } = await run('ingestor', [...args, '--log-level=silent']);
    expect(stderr).toMatch(/^ingestor: --nats-url: 'nats:\/\/127\.0\.0\.1:1' is not valid: .*refused/i);
    expect(oneLine(stderr)).toBe(true);
    expect(code).toBe(2);
  });

  it('names the flag of an address in use and ends with exit code 2', async () => {
    const broker = await startBrokerProcess();
    const directory = await makeTempDirectory();
    const other = await run('broker', [
      `--port=${broker.port}`,
      `--http-port=${await freePort()}`,
      `--data-dir=${directory.path}`,
      '--log-level=silent',
    ]);
    expect(other.stderr).toMatch(new RegExp(`--port.*${broker.port}`));
    expect(oneLine(other.stderr)).toBe(true);
    expect(other.code).toBe(2);
    await directory.remove();
    await broker.stop();
  });

  it('keeps a second broker off a data directory', async () => {
    const broker = await startBrokerProcess();
    const other = await run('broker', [
      `--port=${await freePort()}`,
      `--http-port=${await freePort()}`,
      `--data-dir=${broker.dataDir}`,
      '--log-level=silent',
    ]);
    expect(other.stderr).toContain(broker.dataDir);
    expect(other.code).toBe(2);
    await broker.stop();
  });

  describe('secrets', () => {
    let directory: TempDirectory;

    afterEach(async () => {
      await directory.remove();
    });

    it('come from a file and appear nowhere', async () => {
      directory = await makeTempDirectory();
      const tokenFile = join(directory.path, 'token');
      await writeFile(tokenFile, 'open-sesame\n');
      const broker = await startBrokerProcess(['--auth-token-file', tokenFile, '--log-level', 'debug']);
      const topics = (args: readonly string[]) => run('cli', ['topics', `--port=${broker.port}`, ...args]);

      expect((await topics(['--auth-token-file', tokenFile])).code).toBe(0);
      const refused = await topics(['--auth-token', 'wrong-word']);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toMatch(/^pulses: warning: --auth-token: .*use --auth-token-file$/m);
      expect(broker.app.stderr).toMatch(/"level":"?(warn|40)"?.*--auth-token: a token of fewer than 16 characters/);
      expect((await topics([])).code).toBe(1);
      const help = await run('broker', ['--help'], { PULSES_AUTH_TOKEN: 'open-sesame' });
      for (const text of [broker.app.stdout, broker.app.stderr, refused.stderr, help.stdout])
        expect(text).not.toMatch(/open-sesame|wrong-word/);
      await broker.stop();
    });

    it('name a file that cannot be read', async () => {
      directory = await makeTempDirectory();
      await mkdir(join(directory.path, 'sub'));
      const { code, stderr } = await run('broker', ['--auth-token-file', join(directory.path, 'none')]);
      expect(stderr).toMatch(/--auth-token-file.*none/);
      expect(code).toBe(2);
    });
  });
});
