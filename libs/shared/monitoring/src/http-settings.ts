// What a user can set on the HTTP of a service.

import { hostSetting, hostsKind, optional, portSetting, type SettingsOf } from '@pulses/shared-settings';

/** @param port the default of --http-port */
export const httpSettings = (port: string) => ({
  httpHost: hostSetting({
    flag: 'http-host',
    default: '127.0.0.1',
    description: 'Address of health, readiness and metrics.',
  }),
  httpPort: portSetting({ flag: 'http-port', default: port, description: 'HTTP port; 0 takes a free one.' }),
  httpAllowedHosts: optional(hostsKind, {
    flag: 'http-allowed-hosts',
    description:
      'Names that clients may use for the HTTP port, besides IP addresses, localhost, the name of the machine and ' +
      '--http-host. A request for another name is refused with 421.',
  }),
});

export type HttpSettings = SettingsOf<ReturnType<typeof httpSettings>>;
