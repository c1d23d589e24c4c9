import { describe, expect, it } from '@jest/globals';
import { hostKind, hostOf, hostsKind, httpAddressKind, isLoopback } from './host';

const LOOPBACK = ['127.0.0.1', '127.255.255.254', '::1', 'localhost'];

describe('a host', () => {
  it.each([
    ['[::1]', '::1'],
    ['::1', '::1'],
    ['FE80::1%eth0', 'fe80::1%eth0'],
    ['LOCALHOST', 'localhost'],
    ['127.1', '127.0.0.1'],
    ['127.0.0.1 ', '127.0.0.1'],
    [' localhost\t', 'localhost'],
    ['0', '0.0.0.0'],
    ['stub-generator_1.pulses.example', 'stub-generator_1.pulses.example'],
  ])('%j is read as %s', (text, host) => {
    expect(hostKind.schema.parse(text)).toBe(host);
  });

  it.each([
    '',
    ' ',
    'a b',
    'h:9000',
    'http://h',
    '[h]',
    '[::1',
    '::1:x',
    '256.0.0.1',
    '1.2.3.4.5',
    'u@h',
    'h/p',
    'h?',
    'h#',
    '%31',
  ])('%j is refused', (text) => {
    expect(hostKind.schema.safeParse(text).success).toBe(false);
  });

  it.each([...LOOPBACK, '[::1]', 'LOCALHOST', '127.1', 'localhost '])('%j is loopback', (text) => {
    expect(isLoopback(hostKind.schema.parse(text))).toBe(true);
  });

  it.each([
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '128.0.0.1',
    '127.example.com',
    '127.0.0.1.example.com',
    '::ffff:10.0.0.1',
    'localhost.example.com',
    '',
  ])('%j is not loopback', (host) => {
    expect(isLoopback(host)).toBe(false);
  });
});

describe('a list of hosts', () => {
  it.each([
    ['broker', ['broker']],
    ['Broker, [::1],127.1', ['broker', '::1', '127.0.0.1']],
  ])('%j is read as %j', (text, hosts) => {
    expect(hostsKind.schema.parse(text)).toEqual(hosts);
  });

  it.each(['', ',', 'broker,', 'broker:9001', 'http://broker', '*', Array(101).fill('h').join()])(
    '%j is refused',
    (text) => {
      expect(hostsKind.schema.safeParse(text).success).toBe(false);
    },
  );
});

describe('the host of a Host header', () => {
  it.each([
    ['broker:9001', 'broker'],
    ['LOCALHOST', 'localhost'],
    ['localhost:', 'localhost'],
    ['127.0.0.1:9001', '127.0.0.1'],
    ['[::1]:9001', '::1'],
    ['[::1]', '::1'],
  ])('%j is %s', (header, host) => {
    expect(hostOf(header)).toBe(host);
  });

  it.each(['', ':9001', '::1', 'a:b', 'a:1:2', 'user@localhost', 'localhost/', 'localhost?', 'localhost#', 'a,b'])(
    '%j has none',
    (header) => {
      expect(hostOf(header)).toBeUndefined();
    },
  );
});

describe('the address of an HTTP server', () => {
  it.each([
    ['127.0.0.1:9002', '127.0.0.1:9002'],
    ['http://ingestor:9002', 'ingestor:9002'],
    ['http://ingestor:9002/', 'ingestor:9002'],
    ['[::1]:9002', '[::1]:9002'],
    ['LOCALHOST:1 ', 'localhost:1'],
  ])('%j is read as %s', (text, address) => {
    expect(httpAddressKind.schema.parse(text)).toBe(address);
  });

  it.each([
    '',
    'h',
    'h:',
    ':9002',
    'h:abc',
    'h:0',
    'h:65536',
    '::1:9002',
    'https://h:1',
    'http://h:1/x',
    'http://http://h:1',
    'u@h:1',
  ])('%j is refused', (text) => {
    expect(httpAddressKind.schema.safeParse(text).success).toBe(false);
  });
});
