// The chains are those that @platformatic/kafka gave against Apache Kafka 4.4.

import { describe, expect, it } from '@jest/globals';
import { dialError } from './dial-error';
import type { KafkaSecurity } from './security';

const sasl = { mechanism: 'PLAIN', username: 'alice', password: 'hunter2' } as const;
const tls = {};
const withCertificate = { tls: { cert: 'c', key: 'k' } };

function failure(fields: object, ...causes: object[]): object {
  const [first, ...rest] = causes;
  return first === undefined ? fields : { ...fields, cause: failure(first, ...rest) };
}

const network = { code: 'PLT_KFK_NETWORK', message: 'Connection to 127.0.0.1:9 failed.' };
const authentication = { code: 'PLT_KFK_AUTHENTICATION' };
const answer = (apiId: string, response = {}) => ({ code: 'PLT_KFK_RESPONSE', response, errors: [{ apiId }] });

const cases: [string, KafkaSecurity, object, string, RegExp][] = [
  [
    'a wrong password',
    { sasl },
    failure(network, authentication, answer('SASL_AUTHENTICATION_FAILED')),
    'ACCESS_REFUSED',
    /^--kafka-username, --kafka-password-file: 127\.0\.0\.1:9 refuses the password of 'alice' \(PLAIN\)$/,
  ],
  [
    'a mechanism that is not offered',
    { sasl },
    failure(network, authentication, answer('UNSUPPORTED_SASL_MECHANISM', { mechanisms: ['SCRAM-SHA-512'] })),
    'ACCESS_REFUSED',
    /^--kafka-sasl-mechanism: 127\.0\.0\.1:9 does not offer PLAIN; it offers SCRAM-SHA-512$/,
  ],
  [
    'SASL where none is asked for',
    { sasl },
    failure(network, authentication, answer('ILLEGAL_SASL_STATE')),
    'ACCESS_REFUSED',
    /^--kafka-sasl-mechanism: 127\.0\.0\.1:9 asks for no SASL/,
  ],
  [
    'a port of TLS',
    {},
    { code: 'PLT_KFK_USER', message: 'Broker requires TLS.' },
    'ACCESS_REFUSED',
    /^--kafka-tls: 127\.0\.0\.1:9 asks for TLS/,
  ],
  [
    'a port without TLS',
    { tls },
    failure(
      network,
      { code: 'PLT_KFK_USER' },
      { code: 'ECONNRESET', message: 'before secure TLS connection was established' },
    ),
    'ACCESS_REFUSED',
    /^--kafka-tls: 127\.0\.0\.1:9 does not answer with TLS$/,
  ],
  [
    'a certificate that is not trusted',
    { tls },
    failure(network, { code: 'SELF_SIGNED_CERT_IN_CHAIN' }),
    'ACCESS_REFUSED',
    /^--kafka-tls-ca-file: the certificate of 127\.0\.0\.1:9 is not trusted \(SELF_SIGNED_CERT_IN_CHAIN\)$/,
  ],
  [
    'an expired certificate',
    { tls },
    failure(network, { code: 'CERT_HAS_EXPIRED' }),
    'ACCESS_REFUSED',
    /^--kafka-tls-ca-file: .* \(CERT_HAS_EXPIRED\)$/,
  ],
  [
    'a certificate of another host',
    { tls },
    failure(network, { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }),
    'ACCESS_REFUSED',
    /^--kafka-brokers: the certificate of 127\.0\.0\.1:9 does not name this host$/,
  ],
  [
    'a certificate that is missing',
    { tls },
    failure({ code: 'PLT_KFK_NETWORK' }, { code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' }),
    'ACCESS_REFUSED',
    /^--kafka-tls-cert-file: 127\.0\.0\.1:9 asks for a certificate of the client/,
  ],
  [
    'a certificate that is refused',
    withCertificate,
    failure({ code: 'PLT_KFK_NETWORK' }, { code: 'ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE' }),
    'ACCESS_REFUSED',
    /^--kafka-tls-cert-file: 127\.0\.0\.1:9 refuses the certificate/,
  ],
  [
    'a port that is closed',
    {},
    failure(network, { code: 'ECONNREFUSED' }),
    'CONNECTION_LOST',
    /^--kafka-brokers: 127\.0\.0\.1:9 can't be reached \(ECONNREFUSED\)$/,
  ],
  ['a host without an answer', {}, { code: 'PLT_KFK_TIMEOUT' }, 'TIMED_OUT', /does not answer in time$/],
  [
    'a connection that is closed at once',
    {},
    { code: 'PLT_KFK_NETWORK', message: 'Connection closed' },
    'CONNECTION_LOST',
    /closed the connection at its start; it may ask for --kafka-sasl-mechanism$/,
  ],
];

describe('a failure to connect', () => {
  it.each(cases)('names the setting after %s', (_, security, error, code, message) => {
    const found = dialError({ host: '127.0.0.1', port: 9 }, security, [error]);
    expect(found).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(found.message).not.toContain('hunter2');
  });

  it('is read to the end of a chain that never ends', () => {
    const error: { cause?: unknown } = {};
    error.cause = error;
    expect(dialError({ host: 'h', port: 1 }, {}, [error]).code).toBe('CONNECTION_LOST');
  });
});
