import { afterEach, describe, expect, it } from '@jest/globals';
import { makeTempDirectory } from '@pulses/testing-processes';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startNats } from '.';

const environment = { ...process.env };
afterEach(() => {
  for (const name of ['NATS_URL', 'PATH'])
    if (environment[name] === undefined) Reflect.deleteProperty(process.env, name);
    else process.env[name] = environment[name];
});

describe('a NATS for tests', () => {
  it('is the one of NATS_URL unless it must be its own, and is then never ended', async () => {
    process.env['NATS_URL'] = 'nats://nats.example:4333';
    const shared = await startNats();
    expect([shared.url, shared.port]).toEqual(['nats://nats.example:4333', 4333]);
    await expect(shared.kill()).rejects.toThrow(/cannot stop the NATS of NATS_URL/);
    await expect(shared.restart()).rejects.toThrow(/cannot stop the NATS of NATS_URL/);
    await shared.stop();
    const own = await startNats({ own: true });
    expect(own.url).toBe(`nats://127.0.0.1:${own.port}`);
    await own.stop();
  });

  it('is the one of the PATH, before any other', async () => {
    const directory = await makeTempDirectory();
    const [program, called] = [join(directory.path, 'nats-server'), join(directory.path, 'called')];
    await writeFile(program, `#!/bin/sh\necho "$@" > ${called}\necho Server is ready\nexec sleep 60\n`);
    await chmod(program, 0o755);
    process.env['PATH'] = `${directory.path}:${environment['PATH'] ?? ''}`;
    const server = await startNats({ own: true });
    expect(await readFile(called, 'utf8')).toBe(`--config ${server.directory}/nats.conf\n`);
    await server.stop();
    await directory.remove();
  });
});
