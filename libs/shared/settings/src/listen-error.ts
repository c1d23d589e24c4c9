import { PulsesError } from '@pulses/shared-errors';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  /** The flags of the two, without dashes. */
  readonly hostFlag: string;
  readonly portFlag: string;
}

/**
 * Why an address can't be listened on: the flag to change, the value and what is allowed.
 * @param code of the system, such as EADDRINUSE
 */
export function listenError(code: string, { host, port, hostFlag, portFlag }: ListenAddress): PulsesError {
  if (code === 'EADDRINUSE')
    return new PulsesError('ADDRESS_IN_USE', `--${portFlag}: ${port} is in use on ${host}; allowed: a free port`);
  if (code === 'EACCES')
    return new PulsesError(
      'CONFIG_INVALID',
      `--${portFlag}: ${port} is reserved for privileged users (EACCES); allowed: 1024 to 65535, or 0 for a free port`,
    );
  return new PulsesError(
    'CONFIG_INVALID',
    `--${hostFlag}: '${host}' is not valid: an address of this machine (${code})`,
  );
}
