// Safe by default: an address beyond this machine needs protection, or the user's word that the network is private.

import { isIPv4 } from 'node:net';
import { PulsesError } from '@pulses/shared-errors';

export interface BindCheck {
  /** The flag that gave the host, without dashes. */
  readonly flag: string;
  readonly host: string;
  /** True when both TLS and authentication are on. */
  readonly protected: boolean;
  readonly insecureBind: boolean;
  /** What would make it safe. */
  readonly remedy: string;
}

/** @throws PulsesError CONFIG_INVALID */
export function assertSafeBind(check: BindCheck): void {
  if (isLoopback(check.host) || check.protected || check.insecureBind) return;
  throw new PulsesError(
    'CONFIG_INVALID',
    `--${check.flag}: '${check.host}' is reachable from other machines; allowed: a loopback address, or ${check.remedy}, or --insecure-bind on a private network`,
  );
}

/** True for 127.0.0.0/8, ::1 and localhost. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
