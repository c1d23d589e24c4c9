import { afterEach, describe, expect, it } from '@jest/globals';
import { nkeys } from '@nats-io/transport-node';
import type { Connector } from '@pulses/connector-api';
import { nodeClock, nodeNetwork } from '@pulses/shared-node-platform';
import { parseSettings } from '@pulses/shared-settings';
import { makeCertificate, makeTempDirectory } from '@pulses/testing-processes';
import { startNats, type NatsServer } from '@pulses/testing-services';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { natsConnector } from './registration';
import { natsSettings } from './settings';
import { operatorMode } from './testing/nats-jwt';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(...lines: string[]): Promise<NatsServer> {
  const server = await startNats({ lines });
  closing.push(() => server.stop());
  return server;
}

async function fileWith(text: string): Promise<string> {
  const directory = await makeTempDirectory();
  closing.push(() => directory.remove());
  const path = join(directory.path, 'file');
  await writeFile(path, text);
  return path;
}

async function connectorOf(url: string, ...argv: string[]): Promise<Connector> {
  const read = () =>
    parseSettings(natsSettings, {
      argv: [`--nats-url=${url}`, ...argv],
      env: {},
      readFile: (path) => readFileSync(path, 'utf8'),
    }).values;
  const context = { network: nodeNetwork, clock: nodeClock, clientName: 'test', member: 'test' };
  const { connector } = await natsConnector.open(read(), context, read);
  closing.push(() => connector.close());
  return connector;
}

const open = (connector: Connector) =>
  connector.openSession({
    sourceTopic: 'source.pulses',
    group: 'ingestor',
    signal: new AbortController().signal,
    onStandby: () => undefined,
  });

const refusal = async (url: string, ...argv: string[]) => {
  const connector = await connectorOf(url, ...argv);
  return await open(connector).then(
    () => 'let in',
    (error: unknown) => error,
  );
};

const invalid = (pattern: RegExp): object => ({ code: 'CONFIG_INVALID', message: expect.stringMatching(pattern) });

async function expectWorks(url: string, ...argv: string[]): Promise<void> {
  const session = await open(await connectorOf(url, ...argv));
  expect(await session.sourceHead()).toBe(session.startOffset);
  await session.close();
}

describe('the way into NATS', () => {
  it('is a user and a password from a file', async () => {
    const { url } = await start('authorization { user: u, password: right }');
    const [right, wrong] = [await fileWith('right\n'), await fileWith('wrong\n')];
    await expectWorks(url, '--nats-user=u', `--nats-password-file=${right}`);
    const error = await refusal(url, '--nats-user=u', `--nats-password-file=${wrong}`);
    expect(error).toMatchObject(invalid(/^--nats-user: the server refuses the credentials/));
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('wrong');
    expect(await refusal(url)).toMatchObject(invalid(/^--nats-creds-file: the server asks for credentials/));
  });

  it('is a token from a file', async () => {
    const { url } = await start('authorization { token: right }');
    await expectWorks(url, `--nats-token-file=${await fileWith('right\n')}`);
    expect(await refusal(url, `--nats-token-file=${await fileWith('other')}`)).toMatchObject(
      invalid(/^--nats-token-file: /),
    );
  });

  it('is the seed of an NKey', async () => {
    const [user, stranger] = [nkeys.createUser(), nkeys.createUser()];
    const { url } = await start(`authorization { users: [ { nkey: ${user.getPublicKey()} } ] }`);
    const seedOf = (pair: typeof user) => fileWith(`${Buffer.from(pair.getSeed()).toString()}\n`);
    await expectWorks(url, `--nats-nkey-file=${await seedOf(user)}`);
    expect(await refusal(url, `--nats-nkey-file=${await seedOf(stranger)}`)).toMatchObject(
      invalid(/^--nats-nkey-file: /),
    );
  });

  it('is a credentials file with a JWT', async () => {
    const [{ lines, creds }, others] = [operatorMode(), operatorMode()];
    const { url } = await start(...lines);
    await expectWorks(url, `--nats-creds-file=${await fileWith(creds)}`);
    expect(await refusal(url, `--nats-creds-file=${await fileWith(others.creds)}`)).toMatchObject(
      invalid(/^--nats-creds-file: /),
    );
  });

  it('is TLS, with a certificate of the client where the server asks for one', async () => {
    const directory = await makeTempDirectory();
    closing.push(() => directory.remove());
    const { certificatePath, privateKeyPath } = await makeCertificate(directory.path);
    const files = `cert_file: "${certificatePath}", key_file: "${privateKeyPath}"`;
    const [tls, mutual] = [
      await start(`tls { ${files} }`),
      await start(`tls { ${files}, ca_file: "${certificatePath}", verify: true }`),
    ];
    const trust = `--nats-tls-ca-file=${certificatePath}`;
    const show = [`--nats-tls-cert-file=${certificatePath}`, `--nats-tls-key-file=${privateKeyPath}`];
    await expectWorks(tls.url, trust);
    expect(await refusal(tls.url.replace('nats:', 'tls:'))).toMatchObject(invalid(/^--nats-tls-ca-file: /));
    await expectWorks(mutual.url, trust, ...show);
    expect(await refusal(mutual.url, trust)).toMatchObject(invalid(/^--nats-tls-cert-file: /));
  });

  it('names the missing certificate, also when the reset of the connection overtakes the reason', async () => {
    const directory = await makeTempDirectory();
    closing.push(() => directory.remove());
    const { certificatePath } = await makeCertificate(directory.path);
    const info = { server_id: 'x', version: '2.15.2', max_payload: 1_048_576, tls_required: true, tls_verify: true };
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.write(`INFO ${JSON.stringify(info)}\r\n`);
      socket.on('data', () => socket.resetAndDestroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as { port: number };
    const error = await refusal(`nats://127.0.0.1:${port}`, `--nats-tls-ca-file=${certificatePath}`);
    expect(error).toMatchObject(invalid(/^--nats-tls-cert-file: .* asks for a certificate of the client/));
  });

  it('is open again once credentials that became wrong are right', async () => {
    const server = await start('authorization { token: first }');
    const path = await fileWith('first');
    const connector = await connectorOf(server.url, `--nats-token-file=${path}`);
    await (await open(connector)).close();
    await server.restart(['authorization { token: second }']);
    await expect(open(connector)).rejects.toMatchObject({ code: 'ACCESS_REFUSED', retriable: true });
    await writeFile(path, 'second');
    await (await open(connector)).close();
  });

  it('is not a seed with a wrong letter, which no error shows', async () => {
    const seed = Buffer.from(nkeys.createUser().getSeed()).toString();
    // Of the last letter only the upper three bits count: B would be the same as A.
    const wrong = seed.replace(/.$/, (last) => (last === 'A' ? 'E' : 'A'));
    const file = await fileWith(wrong);
    const refused = async (flag: string) =>
      await connectorOf('nats://127.0.0.1:1', `--${flag}=${file}`).then(
        () => 'let in',
        (error: unknown) => error,
      );
    for (const flag of ['nats-nkey-file', 'nats-creds-file']) {
      const error = await refused(flag);
      expect(error).toMatchObject(invalid(new RegExp(`^--${flag}: '${file}' is not valid: `)));
      expect(inspect(error, { depth: 9 })).not.toContain(wrong);
    }
  });

  it.each([
    [['--nats-user=u'], /--nats-user: .*--nats-password-file/],
    [['--nats-nkey-file=/none'], /--nats-nkey-file: '\/none' is not valid: .*ENOENT/],
    [['--nats-creds-file=/dev/null'], /--nats-creds-file: .*JWT/],
    [['--nats-creds-file=a', '--nats-nkey-file=b'], /--nats-nkey-file: allowed: only without --nats-creds-file/],
    [['--nats-tls-cert-file=a'], /--nats-tls-cert-file: .*--nats-tls-key-file/],
    [['--nats-tls-ca-file=/dev/null'], /--nats-tls-ca-file: .*PEM/],
  ])('is refused before any connection with %j', async (argv, pattern) => {
    await expect(connectorOf('nats://127.0.0.1:1', ...argv)).rejects.toMatchObject(invalid(pattern));
  });
});

describe('a server that does not suit', () => {
  const rights = (publish: string) =>
    `authorization { users: [ { user: u, password: p, permissions: { publish: ${publish}, subscribe: ">" } } ] }`;

  it.each([
    ['{ deny: "tenants.>" }', "no right to publish to 'tenants.-.grouped.pulses'"],
    ['{ deny: "pulses.positions.>" }', "no right to publish to 'pulses.positions.ingestor.source%2Epulses'"],
    ['{ deny: "source.pulses" }', "no right to publish to 'source.pulses'"],
    ['{ deny: "$JS.API.STREAM.CREATE.>" }', "no right to publish to '$JS.API.STREAM.CREATE.pulses-source'"],
  ])('is refused when the rights are %s', async (publish, reason) => {
    const { url } = await start(rights(publish));
    const error = await refusal(url, '--nats-user=u', `--nats-password-file=${await fileWith('p')}`);
    expect(error).toMatchObject(invalid(/^--nats-user: NATS: /));
    expect((error as Error).message).toContain(reason);
  });

  it('is refused when members may not answer for their life', async () => {
    const { url } = await start(
      'authorization { users: [ { user: u, password: p, permissions: { publish: ">", subscribe: { deny: "pulses.members.>" } } } ] }',
    );
    const error = await refusal(url, '--nats-user=u', `--nats-password-file=${await fileWith('p')}`);
    expect(error).toMatchObject(
      invalid(/^--nats-user: NATS: no right to subscribe to 'pulses\.members\.ingestor\.source%2Epulses'/),
    );
  });

  it('is one before 2.12', async () => {
    const info = {
      server_id: 'x',
      version: '2.11.9',
      proto: 1,
      headers: true,
      max_payload: 1_048_576,
      jetstream: true,
    };
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.write(`INFO ${JSON.stringify(info)}\r\n`);
      socket.on('data', (data) => {
        if (data.toString().includes('PING')) socket.write('PONG\r\n');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as { port: number };
    expect(await refusal(`nats://127.0.0.1:${port}`)).toMatchObject(
      invalid(/^--nats-url: .*nats-server 2\.11\.9.*allowed: 2\.12 or newer/),
    );
  });

  it('is one whose batches are too short for any commit', async () => {
    const server = await startNats({ jetstream: ['limits { batch { max_msgs: 5 } }'] });
    closing.push(() => server.stop());
    expect(await refusal(server.url)).toMatchObject(
      invalid(/^--nats-url: .*limits\.batch\.max_msgs is 5; allowed: \d+/),
    );
  });
});
