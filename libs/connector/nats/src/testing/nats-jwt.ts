// An operator, an account with JetStream, and a user of it, as nsc would make them.

import { nkeys } from '@nats-io/transport-node';
import { createHash } from 'node:crypto';

type KeyPair = ReturnType<typeof nkeys.createUser>;

const UNLIMITED = -1;
const ALGORITHM = { typ: 'JWT', alg: 'ed25519-nkey' };

const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

function signed(issuer: KeyPair, subject: KeyPair, name: string, nats: Record<string, unknown>): string {
  const claims = {
    iat: 1,
    iss: issuer.getPublicKey(),
    name,
    sub: subject.getPublicKey(),
    nats: { ...nats, version: 2 },
  };
  const jti = createHash('sha256').update(JSON.stringify(claims)).digest('hex');
  const text = `${base64(ALGORITHM)}.${base64({ jti, ...claims })}`;
  return `${text}.${Buffer.from(issuer.sign(Buffer.from(text))).toString('base64url')}`;
}

/** Lines of a server's configuration, and the text of a user's credentials file. */
export function operatorMode(): { readonly lines: readonly string[]; readonly creds: string } {
  const [operator, system, account, user] = [
    nkeys.createOperator(),
    nkeys.createAccount(),
    nkeys.createAccount(),
    nkeys.createUser(),
  ];
  const limits = Object.fromEntries(
    [
      'subs',
      'data',
      'payload',
      'imports',
      'exports',
      'conn',
      'leaf',
      'mem_storage',
      'disk_storage',
      'streams',
      'consumer',
    ].map((name) => [name, UNLIMITED]),
  );
  const accountJwt = signed(operator, account, 'pulses', { type: 'account', limits: { ...limits, wildcards: true } });
  const systemJwt = signed(operator, system, 'system', {
    type: 'account',
    limits: { ...limits, wildcards: true, mem_storage: 0, disk_storage: 0, streams: 0, consumer: 0 },
  });
  const userJwt = signed(account, user, 'ingestor', {
    type: 'user',
    subs: UNLIMITED,
    data: UNLIMITED,
    payload: UNLIMITED,
  });
  return {
    lines: [
      `operator: ${signed(operator, operator, 'operator', { type: 'operator' })}`,
      `system_account: ${system.getPublicKey()}`,
      'resolver: MEMORY',
      `resolver_preload: { ${account.getPublicKey()}: ${accountJwt}, ${system.getPublicKey()}: ${systemJwt} }`,
    ],
    creds: [
      '-----BEGIN NATS USER JWT-----',
      userJwt,
      '------END NATS USER JWT------',
      '',
      '-----BEGIN USER NKEY SEED-----',
      Buffer.from(user.getSeed()).toString(),
      '------END USER NKEY SEED------',
      '',
    ].join('\n'),
  };
}
