// Hosts and addresses as a user writes them.
//
// Guarantees: one host has one spelling after reading, so that a check for loopback cannot be fooled by another one.
// `LOCALHOST`, `127.1` and `[::1]` become `localhost`, `127.0.0.1` and `::1`.

import { isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';
import { customSetting, type SettingKind } from './setting';

/** None of the characters that would begin another part of a URL or list, nor a wildcard. */
const HOST = /^[^\s/?#@:\\%[\],*]+$/;
const AUTHORITY = /^(\[[^\]]*\]|[^[\]:]+)(?::\d{0,5})?$/;
const HOST_AND_PORT = /^(?:http:\/\/)?(\[[^\]]*\]|[^[\]:]+):(\d{1,5})\/?$/;
const PORT_MAX = 65_535;
const HOSTS_MAX = 100;

/** The usual spelling of a host; undefined when the text is none. */
function readHost(text: string): string | undefined {
  const trimmed = text.trim();
  const address = trimmed.replace(/^\[(.*)\]$/, '$1');
  if (isIPv6(address)) return address.toLowerCase();
  const url = `http://${trimmed}`;
  return HOST.test(trimmed) && URL.canParse(url) ? new URL(url).hostname : undefined;
}

/** A host name or an IP address. The value is in its usual spelling, an IPv6 address without brackets. */
export const hostKind: SettingKind<string> = {
  type: 'host',
  allowed: 'a host name or an IP address, without scheme and port',
  schema: z
    .string()
    .transform(readHost)
    .refine((host) => host !== undefined),
};

/** A setting that is a host. */
export const hostSetting = (options: { flag: string; default: string; description: string }) =>
  customSetting(hostKind, options);

/** Hosts separated by commas, each in its usual spelling. */
export const hostsKind: SettingKind<readonly string[]> = {
  type: 'hosts',
  allowed: `1 to ${HOSTS_MAX} host names or IP addresses, without scheme and port, separated by commas`,
  schema: z
    .string()
    .transform((text) => text.split(',').map(readHost))
    .refine((hosts): hosts is string[] => hosts.length <= HOSTS_MAX && hosts.every((host) => host !== undefined)),
};

/** The host of `host` or `host:port` (a `Host` header), in its usual spelling; undefined when the text is neither. */
export function hostOf(authority: string): string | undefined {
  const [, host] = AUTHORITY.exec(authority) ?? [];
  return host === undefined ? undefined : readHost(host);
}

/** The address of an HTTP server; the value is `host:port`, an IPv6 address in brackets. */
export const httpAddressKind: SettingKind<string> = {
  type: 'host:port',
  allowed: 'host:port, such as 127.0.0.1:9002 or [::1]:9002',
  schema: z
    .string()
    .transform(readHttpAddress)
    .refine((address) => address !== undefined),
};

function readHttpAddress(text: string): string | undefined {
  const [, hostText = '', portText = ''] = HOST_AND_PORT.exec(text.trim()) ?? [];
  const [host, port] = [readHost(hostText), Number(portText)];
  if (host === undefined || port < 1 || port > PORT_MAX) return undefined;
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

/** True for 127.0.0.0/8, ::1 and localhost, in their usual spelling. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}
