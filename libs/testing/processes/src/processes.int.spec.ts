import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { makeCertificate } from './certificate';
import { freePort, makeTempDirectory, type TempDirectory } from './places';
import { makeProgram, type Program } from './program';
import { startApp, stopAll } from './running-app';

const SOURCE = `
import { createServer } from 'node:http';

const [what, port] = process.argv.slice(2);
if (what === 'fail') {
  process.stderr.write('no use\\n');
  process.exitCode = 7;
} else {
  process.stdout.write(JSON.stringify({ ...process.env }) + '\\n');
  process.on('SIGTERM', () => process.exit(0));
  let asked = 0;
  createServer((_request, response) => {
    asked += 1;
    response.statusCode = asked < 3 ? 503 : 200;
    response.end('asked ' + asked);
  }).listen(Number(port?.split('=')[1] ?? 0), '127.0.0.1', () => process.stdout.write('listening\\n'));
}
`;

describe('processes under test', () => {
  let directory: TempDirectory;
  let program: Program;

  beforeAll(async () => {
    directory = await makeTempDirectory();
    program = await makeProgram(directory.path, SOURCE);
  });
  afterAll(async () => {
    await stopAll();
    await directory.remove();
    expect(existsSync(directory.path)).toBe(false);
  });

  it('see a minimal environment plus the additions of the test', async () => {
    const app = program.start({ args: ['serve'], env: { PULSES_PORT: '1' } });
    await app.waitForOutput(/listening/);
    expect(Object.keys(JSON.parse(app.stdout.split('\n')[0] ?? '') as object).sort()).toEqual([
      'HOME',
      'PATH',
      'PULSES_PORT',
    ]);
    expect(await app.stop()).toEqual({ code: 0, signal: null });
    expect(await app.stop()).toEqual({ code: 0, signal: null });
  });

  it('get Node options that do not apply to the test, as for a profile', async () => {
    process.env['APP_NODE_OPTIONS'] = '--no-warnings';
    try {
      const app = program.start({ args: ['serve'] });
      await app.waitForOutput(/listening/);
      expect(JSON.parse(app.stdout.split('\n')[0] ?? '')).toMatchObject({ NODE_OPTIONS: '--no-warnings' });
      await app.stop();
    } finally {
      delete process.env['APP_NODE_OPTIONS'];
    }
  });

  it('can be awaited until they are ready', async () => {
    const port = await freePort();
    const app = program.start({ args: ['serve', `--http-port=${port}`] });
    await app.waitForReady();
    expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe('asked 4');
    await app.stop();
  });

  it('that end early say why to whoever waits for them', async () => {
    const app = program.start({ args: ['fail', '--http-port=1'] });
    await expect(app.waitForOutput(/never/)).rejects.toThrow(/"code":7.*\nno use/);
    await expect(app.waitForReady()).rejects.toThrow(/no use/);
    expect(await app.exited).toEqual({ code: 7, signal: null });
  });

  it('are all ended by stopAll', async () => {
    const apps = [program.start({ args: ['serve'] }), program.start({ args: ['serve'] })];
    await Promise.all(apps.map((app) => app.waitForOutput(/listening/)));
    await stopAll();
    for (const app of apps) {
      expect(await app.exited).toEqual({ code: 0, signal: null });
      expect(() => process.kill(app.pid, 0)).toThrow('ESRCH');
    }
  });

  it('need a script unless they are an app', () => {
    expect(() => startApp({ app: 'program' })).toThrow(TypeError);
  });
});

/** First ephemeral port of Linux by default. */
const FIRST_PORT_OF_CLIENTS = 32_768;

describe('ports and directories for processes under test', () => {
  it('are free and distinct', async () => {
    const server = createServer().listen(await freePort(), '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const ports = await Promise.all([freePort(), freePort()]);
    expect(new Set([...ports, (server.address() as AddressInfo).port]).size).toBe(3);
    for (const free of ports) expect(free).toBeLessThan(FIRST_PORT_OF_CLIENTS);
    server.close();
    const [one, other] = [await makeTempDirectory(), await makeTempDirectory()];
    expect(one.path).not.toBe(other.path);
    await Promise.all([one.remove(), other.remove()]);
    expect([one, other].map(({ path }) => existsSync(path))).toEqual([false, false]);
  });

  it('stay, with empty files, until somebody else removes them, where that was asked for', async () => {
    const directory = await makeTempDirectory();
    const path = join(directory.path, 'below', 'file');
    await mkdir(dirname(path));
    await writeFile(path, 'bytes');
    process.env['TEMP_DIRECTORIES_STAY'] = '1';
    try {
      await directory.remove();
    } finally {
      delete process.env['TEMP_DIRECTORIES_STAY'];
    }
    expect((await stat(path)).size).toBe(0);
    await directory.remove();
    expect(existsSync(directory.path)).toBe(false);
  });

  it('have certificates for loopback', async () => {
    const directory = await makeTempDirectory();
    const { certificatePem, privateKeyPem } = await makeCertificate(directory.path);
    const certificate = new X509Certificate(certificatePem);
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(privateKeyPem).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    await directory.remove();
  });
});
