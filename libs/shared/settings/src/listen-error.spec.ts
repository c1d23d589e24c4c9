import { describe, expect, it } from '@jest/globals';
import { listenError } from './listen-error';

const ADDRESS = { host: '127.0.0.1', port: 80, hostFlag: 'http-host', portFlag: 'http-port' };

describe('an address that cannot be listened on', () => {
  it.each([
    ['EADDRINUSE', 'ADDRESS_IN_USE', '--http-port: 80 is in use on 127.0.0.1; allowed: a free port'],
    [
      'EACCES',
      'CONFIG_INVALID',
      '--http-port: 80 is reserved for privileged users (EACCES); allowed: 1024 to 65535, or 0 for a free port',
    ],
    [
      'EADDRNOTAVAIL',
      'CONFIG_INVALID',
      "--http-host: '127.0.0.1' is not valid: an address of this machine (EADDRNOTAVAIL)",
    ],
  ])('names the flag to change: %s', (system, code, message) => {
    expect(listenError(system, ADDRESS)).toMatchObject({ code, message });
  });
});
