// How to connect: credentials and certificates from their files, and one connection.
//
// Guarantees: files are read at each connection, so that a renewed one needs no restart. No secret is in an error. The
// client never reconnects by itself: the end of a connection is the end of its session.

import { PulsesError } from '@pulses/shared-errors';
import { readPemFile, type PemContent } from '@pulses/shared-settings';
import {
  type Authenticator,
  connect,
  type ConnectionOptions,
  credsAuthenticator,
  errors,
  type NatsConnection,
  nkeyAuthenticator,
  nkeys,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';
import { readFile } from 'node:fs/promises';
import { serversText, type NatsSettings } from './settings';
import { asksForCertificate } from './tls-demand';

/** A server that is silent for twice as long counts as lost. */
const PING_INTERVAL_MS = 2_000;
const PINGS_OUT_MAX = 2;
const CONNECT_MS_MAX = 5_000;
const REFUSALS = /^(ECONNRESET|EPIPE|ERR_SSL_.*_ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE))$/;
const OLDEST = { major: 2, minor: 12 };

const invalid = (flag: string, value: string, allowed: string) =>
  new PulsesError('CONFIG_INVALID', `--${flag}: '${value}' is not valid: ${allowed}`);

/** @throws PulsesError CONFIG_INVALID when settings exclude each other, or a file can't be read */
export async function connectionOptionsOf(settings: NatsSettings, clientName: string): Promise<ConnectionOptions> {
  const authenticator = await authenticatorOf(settings);
  const tls = await tlsOf(settings);
  return {
    servers: settings.natsUrl.map(({ authority }) => authority),
    name: clientName,
    reconnect: false,
    ignoreClusterUpdates: true,
    timeout: CONNECT_MS_MAX,
    pingInterval: PING_INTERVAL_MS,
    maxPingOut: PINGS_OUT_MAX,
    ...(authenticator === undefined ? {} : { authenticator }),
    ...(tls === undefined ? {} : { tls }),
  };
}

/** Connects to a server that has atomic batches. @throws PulsesError CONFIG_INVALID, CONNECTION_LOST, ACCESS_REFUSED, LOG_UNSUITABLE */
export async function connectNats(settings: NatsSettings, clientName: string): Promise<NatsConnection> {
  const options = await connectionOptionsOf(settings, clientName);
  let connection: NatsConnection;
  try {
    connection = await connect(options);
  } catch (error) {
    throw (await certificateRefusal(error, settings)) ?? refusalOf(error, settings);
  }
  const version = connection.info?.version ?? '';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor)) return connection;
  await connection.close();
  throw new PulsesError(
    'LOG_UNSUITABLE',
    `--nats-url: ${serversText(settings.natsUrl)} is nats-server ${version}, which has no atomic batches; allowed: 2.12 or newer`,
  );
}

/** The setting of the credentials in use, for errors. */
export function credentialsFlag({ natsCredsFile, natsNkeyFile, natsUser, natsToken }: NatsSettings): string {
  if (natsCredsFile !== undefined) return 'nats-creds-file';
  if (natsNkeyFile !== undefined) return 'nats-nkey-file';
  if (natsToken !== undefined) return 'nats-token-file';
  if (natsUser !== undefined) return 'nats-user';
  return 'nats-creds-file';
}

/**
 * A server that asks for a certificate refuses a client without one. With TLS 1.3 the reset of the connection may overtake
 * the reason. So a server is asked whether it does.
 */
async function certificateRefusal(error: unknown, settings: NatsSettings): Promise<PulsesError | undefined> {
  const { code = '' } = error as { code?: string };
  if (!REFUSALS.test(code) || settings.natsTlsCertFile !== undefined || (await tlsOf(settings)) === undefined)
    return undefined;
  const asked = await Promise.all(settings.natsUrl.map(asksForCertificate));
  if (!asked.includes(true)) return undefined;
  return new PulsesError(
    'ACCESS_REFUSED',
    `--nats-tls-cert-file: ${serversText(settings.natsUrl)} asks for a certificate of the client`,
    { cause: error },
  );
}

function refusalOf(error: unknown, settings: NatsSettings): PulsesError {
  const servers = serversText(settings.natsUrl);
  const { message, code = '' } = error as Error & { code?: string };
  if (error instanceof errors.AuthorizationError || error instanceof errors.UserAuthenticationExpiredError) {
    const flag = credentialsFlag(settings);
    const hasNone = flag === 'nats-creds-file' && settings.natsCredsFile === undefined;
    const what = hasNone ? 'the server asks for credentials' : 'the server refuses the credentials';
    return new PulsesError('ACCESS_REFUSED', `--${flag}: ${what} (${servers}: ${message})`, { cause: error });
  }
  if (/CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO/.test(code) || /certificate|tls|ssl/i.test(message))
    return new PulsesError('ACCESS_REFUSED', `--${tlsFlag(settings)}: no TLS with ${servers}: ${message}`, {
      cause: error,
    });
  const reason = message === '' ? code : message;
  return new PulsesError('CONNECTION_LOST', `NATS: ${servers} can't be reached: ${reason}`, { cause: error });
}

const tlsFlag = ({ natsTlsCertFile, natsTlsCaFile }: NatsSettings) =>
  natsTlsCertFile !== undefined && natsTlsCaFile === undefined ? 'nats-tls-cert-file' : 'nats-tls-ca-file';

async function authenticatorOf(settings: NatsSettings): Promise<Authenticator | undefined> {
  const { natsCredsFile, natsNkeyFile, natsUser, natsPassword, natsToken } = settings;
  const given = Object.entries({
    'nats-creds-file': natsCredsFile,
    'nats-nkey-file': natsNkeyFile,
    'nats-user': natsUser,
    'nats-token': natsToken,
  }).filter(([, value]) => value !== undefined);
  const [first, second] = given;
  if (first !== undefined && second !== undefined)
    throw new PulsesError('CONFIG_INVALID', `--${second[0]}: allowed: only without --${first[0]}`);
  if ((natsUser === undefined) !== (natsPassword === undefined))
    throw new PulsesError('CONFIG_INVALID', '--nats-user: allowed: only together with --nats-password-file');
  if (natsUser !== undefined) return usernamePasswordAuthenticator(natsUser, natsPassword);
  if (natsToken !== undefined) return tokenAuthenticator(natsToken);
  if (natsCredsFile !== undefined) {
    const bytes = await read('nats-creds-file', natsCredsFile);
    const [, marked = ''] =
      /BEGIN NATS USER JWT([\s\S]*BEGIN USER NKEY SEED[\s\S]*)/.exec(bytes.toString('latin1')) ?? [];
    if (seedIn(marked) === undefined)
      throw invalid('nats-creds-file', natsCredsFile, 'allowed: a file with a user JWT and an NKey seed');
    return credsAuthenticator(bytes);
  }
  if (natsNkeyFile === undefined) return undefined;
  const seed = seedIn((await read('nats-nkey-file', natsNkeyFile)).toString('latin1'));
  if (seed === undefined) throw invalid('nats-nkey-file', natsNkeyFile, "allowed: a file with a user's NKey seed");
  return nkeyAuthenticator(Buffer.from(seed));
}

/** The seed of a user whose checksum is right. */
function seedIn(text: string): string | undefined {
  const seed = /\bSU[A-Z2-7]{40,}\b/.exec(text)?.[0];
  try {
    if (seed !== undefined) nkeys.fromSeed(Buffer.from(seed)).clear();
    return seed;
  } catch {
    return undefined;
  }
}

async function tlsOf(settings: NatsSettings): Promise<ConnectionOptions['tls']> {
  const { natsUrl, natsTlsCaFile, natsTlsCertFile, natsTlsKeyFile } = settings;
  if ((natsTlsCertFile === undefined) !== (natsTlsKeyFile === undefined))
    throw new PulsesError('CONFIG_INVALID', '--nats-tls-cert-file: allowed: only together with --nats-tls-key-file');
  const isWanted = natsTlsCaFile !== undefined || natsTlsCertFile !== undefined || natsUrl.some(({ tls }) => tls);
  if (!isWanted) return undefined;
  const pem = async (flag: string, path: string | undefined, content: PemContent) =>
    path === undefined ? undefined : await readPemFile(flag, path, content);
  const ca = await pem('nats-tls-ca-file', natsTlsCaFile, 'certificates');
  const cert = await pem('nats-tls-cert-file', natsTlsCertFile, 'certificates');
  const key = await pem('nats-tls-key-file', natsTlsKeyFile, 'a private key without password');
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

async function read(flag: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException;
    throw invalid(flag, path, `allowed: a file that can be read (${code})`);
  }
}
