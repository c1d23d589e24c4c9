// Safe by default: a non-loopback address needs protection, or --insecure-bind on a private network.

import { PulsesError } from '@pulses/shared-errors';
import { isLoopback } from '@pulses/shared-settings';

export interface BindCheck {
  /** The flag of the host, without dashes. */
  readonly flag: string;
  readonly host: string;
  /** Whether both TLS and authentication are on. */
  readonly protected: boolean;
  readonly insecureBind: boolean;
  /** A safe alternative, for the error text. */
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
