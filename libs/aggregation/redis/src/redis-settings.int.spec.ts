import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parseSettings } from '@pulses/shared-settings';
import { makeTempDirectory, type TempDirectory } from '@pulses/testing-processes';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { redisAddressOf, redisSettings } from './redis-settings';

const read = (...argv: string[]) =>
  parseSettings(redisSettings, { argv, env: {}, readFile: (path) => readFileSync(path, 'utf8') }).values;

describe('the settings of Redis', () => {
  let directory: TempDirectory;
  beforeEach(async () => {
    directory = await makeTempDirectory();
  });
  afterEach(async () => {
    await directory.remove();
  });

  it('default to a Redis on this machine', async () => {
    expect(await redisAddressOf(read())).toEqual({ host: '127.0.0.1', port: 6379, db: 0 });
    expect(read().redisPrefix).toBe('pulses');
  });

  it('override user and password of the URL', async () => {
    const passwordFile = join(directory.path, 'password');
    await writeFile(passwordFile, 'from-file\n');
    const settings = read(
      '--redis-url=redis://a:b@redis:7000/2',
      '--redis-user=pulses',
      `--redis-password-file=${passwordFile}`,
    );
    expect(await redisAddressOf(settings)).toEqual({
      host: 'redis',
      port: 7000,
      db: 2,
      username: 'pulses',
      password: 'from-file',
    });
  });

  it('enable TLS with a certificate file, which must exist', async () => {
    const caFile = join(directory.path, 'ca.pem');
    await writeFile(caFile, 'certificates');
    expect(await redisAddressOf(read(`--redis-tls-ca-file=${caFile}`))).toMatchObject({
      tls: { caPem: 'certificates' },
    });
    await expect(redisAddressOf(read('--redis-tls-ca-file=/nowhere'))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  it.each(['', '{a}', 'a b', 'x'.repeat(65)])('reject %j as a prefix', (prefix) => {
    expect(() => read(`--redis-prefix=${prefix}`)).toThrow(/--redis-prefix/);
  });
});
