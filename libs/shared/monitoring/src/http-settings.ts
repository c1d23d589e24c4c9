// What a user can set on the HTTP of a service.

import { choiceSetting, hostSetting, hostsKind, optional, portSetting, type SettingsOf } from '@pulses/shared-settings';

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

/** For a service with the setting `authToken`. */
export const httpAuthSetting = choiceSetting({
  flag: 'http-auth',
  choices: ['auto', 'on', 'off'],
  default: 'auto',
  description:
    "What HTTP clients have to show --auth-token for, where it is set. auto: the open window's sums. on: these and the " +
    'metrics. off: nothing. Health and readiness are always open.',
});

export type HttpSettings = SettingsOf<ReturnType<typeof httpSettings>> & {
  readonly httpAuth?: 'auto' | 'on' | 'off';
  readonly authToken?: string | undefined;
};
