import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { makeCertificate, makeTempDirectory, type Certificate, type TempDirectory } from '@pulses/testing-processes';
import { startRedis, type RedisServer } from '@pulses/testing-services';
import { createServer, type Server } from 'node:net';
import { parseRedisUrl, type RedisAddress } from './redis-address';
import { feedWindow } from './testing/feed-window';
import { engineOver } from './testing/engines';
import { createWindowLog, SOURCE } from './testing/window-log';

const USER = 'pulses';
const PASSWORD = 'correct:horse/battery@staple';
const log = createWindowLog({ seed: 1, messages: 2_000, keys: 500 });

describe('access to Redis', () => {
  let directory: TempDirectory;
  let certificate: Certificate;
  let other: Certificate;
  let plain: RedisServer;
  let encrypted: RedisServer;

  beforeAll(async () => {
    directory = await makeTempDirectory();
    certificate = await makeCertificate(directory.path);
    const elsewhere = await makeTempDirectory();
    other = await makeCertificate(elsewhere.path);
    await elsewhere.remove();
    plain = await startRedis({ own: true });
    const { certificatePath, privateKeyPath } = certificate;
    const tls = ['--tls-cert-file', certificatePath, '--tls-key-file', privateKeyPath, '--tls-auth-clients', 'no'];
    // The same port with TLS only.
    encrypted = await startRedis({ own: true });
    await encrypted.restart([
      '--port',
      '0',
      '--tls-port',
      String(encrypted.port),
      '--tls-ca-cert-file',
      certificatePath,
      ...tls,
    ]);
    const prefix = plain.keyPrefix;
    const commands =
      '+eval +hgetall +hget +hmget +hset +hdel +hlen +append +strlen +getrange +pexpire +unlink +info'.split(' ');
    const user = ['--user', USER, 'on', `>${PASSWORD}`, `~${prefix}:*`, 'resetchannels', '-@all', ...commands];
    await plain.restart([...user, '--user', 'default', 'off']);
  }, 60_000);
  afterAll(async () => {
    await plain.stop();
    await encrypted.stop();
    await directory.remove();
  });

  const withAccess = (address: Partial<RedisAddress>, options?: { keyPrefix: string }) =>
    engineOver(
      { url: plain.url, keyPrefix: options?.keyPrefix ?? plain.keyPrefix },
      { address: { ...parseRedisUrl(plain.url), ...address } },
    );
  const expectExact = async (engine: ReturnType<typeof engineOver>) => {
    const result = await feedWindow({ engine, log, step: 700 });
    expect(result).toMatchObject({ sums: log.expected(), failures: [] });
    await engine.close();
  };

  it('works for a user with only the commands and keys of the engine', async () => {
    await expectExact(withAccess({ username: USER, password: PASSWORD }));
  });

  it.each<[string, Partial<RedisAddress>]>([
    ['a wrong password', { username: USER, password: 'wrong-secret' }],
    ['no password', {}],
  ])('is rejected for good with %s, which no message repeats', async (_what, address) => {
    const failure: unknown = await withAccess(address)
      .open(SOURCE, 0)
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'UNAUTHENTICATED', retriable: false });
    expect(String(failure)).not.toContain('wrong-secret');
  });

  it('is rejected for keys outside of the access list', async () => {
    const engine = withAccess({ username: USER, password: PASSWORD }, { keyPrefix: 'others' });
    await expect(engine.open(SOURCE, 0)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('uses TLS with a server whose certificate is trusted', async () => {
    const address = {
      ...parseRedisUrl(`rediss://127.0.0.1:${encrypted.port}`),
      tls: { caPem: certificate.certificatePem },
    };
    await expectExact(engineOver(encrypted, { address }));
  });

  it('is refused to a server whose certificate is not trusted', async () => {
    for (const tls of [{ caPem: other.certificatePem }, {}]) {
      const engine = engineOver(encrypted, {
        address: { ...parseRedisUrl(`rediss://127.0.0.1:${encrypted.port}`), tls },
      });
      await expect(engine.open(SOURCE, 0)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    }
  });

  it('fails with a retriable error when the server is silent or absent', async () => {
    const silent: Server = createServer((socket) => socket.resume());
    const port = await new Promise<number>((resolve) => {
      silent.listen(0, '127.0.0.1', () => {
        resolve((silent.address() as { port: number }).port);
      });
    });
    const engine = engineOver(plain, {
      address: { ...parseRedisUrl(plain.url), port },
      connectMsMax: 100,
      commandMsMax: 100,
    });
    for (const listens of [true, false]) {
      const failure: unknown = await engine.open(SOURCE, 0).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: listens ? 'TIMED_OUT' : 'CONNECTION_LOST' });
      if (listens) await new Promise((resolve) => silent.close(resolve));
    }
  });
});
