// Why a connection could not be opened, as an error that names the setting which mends it.
//
// Errors of @platformatic/kafka are read by their codes: the reason is somewhere in the chain of causes. Its texts reach
// a message only where they are the broker's own and hold no secret.

import { PulsesError } from '@pulses/shared-errors';
import { brokerText, type BrokerAddress } from '../settings';
import type { KafkaSecurity } from './security';

/** What failures of @platformatic/kafka and of Node carry. */
interface FailureFields {
  readonly code?: unknown;
  readonly apiId?: unknown;
  readonly message?: unknown;
  readonly serverErrorMessage?: unknown;
  readonly response?: { readonly mechanisms?: readonly string[] };
  readonly cause?: unknown;
  readonly errors?: readonly unknown[];
}

const DEPTH_MAX = 10;

/** The failure and everything below it, outermost first. */
function failureChain(error: unknown, depth = 0): FailureFields[] {
  if (typeof error !== 'object' || error === null || depth > DEPTH_MAX) return [];
  const { cause, errors = [] } = error as FailureFields;
  return [error, ...[cause, ...errors].flatMap((below) => failureChain(below, depth + 1))];
}

/** OpenSSL's and Node's codes of a certificate that is not trusted. */
const UNTRUSTED =
  /^(UNABLE_TO_\w+|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|CERT_(?!UNTRUSTED_HOST)\w+|INVALID_CA|ERR_SSL_\w*VERIFY\w*)$/;

/**
 * @param failures what the connection reported, the one that ended it first
 * @returns ACCESS_REFUSED when another try needs another setting, else CONNECTION_LOST
 */
export function dialError(
  address: BrokerAddress,
  { tls, sasl }: KafkaSecurity,
  failures: readonly unknown[],
): PulsesError {
  const chain = failures.flatMap((failure) => failureChain(failure));
  const broker = brokerText(address);
  const refused = (text: string) => new PulsesError('ACCESS_REFUSED', text, { cause: failures[0] });
  const apiIds = new Set(chain.map(({ apiId }) => apiId));
  const codes = chain.map(({ code }) => code).filter((code) => typeof code === 'string');
  const texts = chain.map(({ message }) => String(message));

  if (apiIds.has('SASL_AUTHENTICATION_FAILED') || codes.includes('PLT_KFK_AUTHENTICATION')) {
    if (apiIds.has('UNSUPPORTED_SASL_MECHANISM')) {
      const offered = chain.flatMap(({ response }) => response?.mechanisms ?? []).join(', ');
      return refused(
        `--kafka-sasl-mechanism: ${broker} does not offer ${sasl?.mechanism}${offered === '' ? '' : `; it offers ${offered}`}`,
      );
    }
    if (apiIds.has('ILLEGAL_SASL_STATE'))
      return refused(`--kafka-sasl-mechanism: ${broker} asks for no SASL; leave the flag out, or name another port`);
    return refused(
      `--kafka-username, --kafka-password-file: ${broker} refuses the password of '${sasl?.username}' (${sasl?.mechanism})`,
    );
  }
  if (texts.some((text) => text.startsWith('Broker requires TLS')))
    return refused(`--kafka-tls: ${broker} asks for TLS; set --kafka-tls or --kafka-tls-ca-file`);
  if (tls !== undefined) {
    if (codes.includes('ERR_TLS_CERT_ALTNAME_INVALID'))
      return refused(`--kafka-brokers: the certificate of ${broker} does not name this host`);
    const untrusted = codes.find((code) => UNTRUSTED.test(code));
    if (untrusted !== undefined)
      return refused(`--kafka-tls-ca-file: the certificate of ${broker} is not trusted (${untrusted})`);
    const alert = codes.find((code) => /^ERR_SSL_.*ALERT/.test(code));
    if (alert !== undefined)
      return refused(
        tls.cert === undefined
          ? `--kafka-tls-cert-file: ${broker} asks for a certificate of the client (${alert})`
          : `--kafka-tls-cert-file: ${broker} refuses the certificate (${alert})`,
      );
    const noTls = codes.some((code) => code.startsWith('ERR_SSL_'));
    const isCutShort = texts.some((text) => text.includes('before secure TLS connection was established'));
    if (noTls || isCutShort) return refused(`--kafka-tls: ${broker} does not answer with TLS`);
  }
  return unreachable(broker, codes, sasl === undefined, failures[0]);
}

function unreachable(broker: string, codes: readonly string[], isWithoutSasl: boolean, cause: unknown): PulsesError {
  // The system's own code says more than the library's.
  const system = codes.find((code) => /^E[A-Z]+$/.test(code));
  if (system !== undefined)
    return new PulsesError('CONNECTION_LOST', `--kafka-brokers: ${broker} can't be reached (${system})`, { cause });
  if (codes.includes('PLT_KFK_TIMEOUT'))
    return new PulsesError('TIMED_OUT', `--kafka-brokers: ${broker} does not answer in time`, { cause });
  const hint = isWithoutSasl ? '; it may ask for --kafka-sasl-mechanism' : '';
  return new PulsesError('CONNECTION_LOST', `--kafka-brokers: ${broker} closed the connection at its start${hint}`, {
    cause,
  });
}
