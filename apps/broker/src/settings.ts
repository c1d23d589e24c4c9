// What a user can set on a broker.

import { httpAuthSetting, httpSettings } from '@pulses/shared-monitoring';
import {
  booleanSetting,
  choiceSetting,
  customSetting,
  durationKind,
  durationSetting,
  hostSetting,
  integerSetting,
  isLoopback,
  optional,
  portSetting,
  sizeKind,
  sizeSetting,
  textKind,
  textSetting,
  tokenSetting,
} from '@pulses/shared-settings';
import { expiryKind } from './expiry-setting';
import { retentionKind } from './retention-setting';

/** Shorter tokens are accepted with a warning. */
const TOKEN_LENGTH_WISE = 16;

export const brokerSettings = {
  host: hostSetting({ flag: 'host', default: '127.0.0.1', description: 'Address to listen on.' }),
  port: portSetting({ flag: 'port', default: '9000', description: 'TCP port of both protocols; 0 takes a free one.' }),
  ...httpSettings('9001'),
  httpAuth: httpAuthSetting,
  dataDir: textSetting({ flag: 'data-dir', default: '.data', description: 'Directory of everything stored.' }),
  fsync: choiceSetting({
    flag: 'fsync',
    choices: ['always', 'interval', 'never'],
    default: 'always',
    description:
      'When messages are made durable: before each acknowledgement, at intervals, or when the system decides. ' +
      'Only with always does an acknowledgement mean on disk.',
  }),
  fsyncIntervalMs: durationSetting({
    flag: 'fsync-interval',
    min: '1ms',
    max: '1m',
    default: '100ms',
    description: 'Time between two syncs with --fsync interval.',
  }),
  journalMode: choiceSetting({
    flag: 'journal-mode',
    choices: ['auto', 'append', 'recycled'],
    default: 'auto',
    description:
      'How the journal is written: to files that grow, or over files that were filled before and are used again. ' +
      'The latter makes an acknowledgement faster on most local disks. The default measures that at the start. ' +
      'With recycled, two such files are made at the start. With append, each group is synchronised by fdatasync, for file ' +
      'systems that ignore O_DSYNC.',
  }),
  readableFiles: choiceSetting({
    flag: 'readable-files',
    choices: ['auto', 'on', 'off'],
    default: 'auto',
    description:
      'Keeps the messages of each topic as lines of files too, in topics/ of the data directory, some time behind the log. ' +
      'With auto, only while there are at most 1,000 topics. No promise rests on these files.',
  }),
  authToken: tokenSetting({
    flag: 'auth-token',
    description: 'Token that clients must show. The line protocol, which has no token, is then refused.',
    warning: ({ authToken }) =>
      typeof authToken !== 'string' || authToken.length >= TOKEN_LENGTH_WISE
        ? undefined
        : `--auth-token: a token of fewer than ${TOKEN_LENGTH_WISE} characters can be guessed`,
  }),
  tlsCertFile: optional(textKind, {
    flag: 'tls-cert-file',
    description: 'PEM file of the TLS certificate; turns TLS on.',
  }),
  tlsKeyFile: optional(textKind, { flag: 'tls-key-file', description: 'PEM file of its private key.' }),
  insecureBind: booleanSetting({
    flag: 'insecure-bind',
    description: 'Allows addresses beyond this machine without TLS and authentication: the network is private.',
    warning: ({ insecureBind, host, authToken }) =>
      insecureBind !== true || authToken !== undefined || isLoopback(String(host))
        ? undefined
        : `--insecure-bind: any program that reaches ${String(host)} can read, publish and delete; no --auth-token is set`,
  }),
  connectionsMax: integerSetting({
    flag: 'connections-max',
    min: 1,
    max: 100_000,
    default: '4096',
    description: 'Limit of open connections; more are refused with OVERLOADED.',
  }),
  segmentBytes: sizeSetting({
    flag: 'segment-bytes',
    min: '1MiB',
    max: '256MiB',
    default: '64MiB',
    description: 'Length at which a new journal file begins.',
  }),
  retentionAge: customSetting(retentionKind(durationKind({ min: '1s', max: '3650d' })), {
    flag: 'retention-age',
    default: 'keep',
    description:
      'Messages older than this may be deleted, and never before every consumer group has read them. They go within a ' +
      'minute, or a sixtieth of the age. A limit for all topics, or by kind: source=7d,dead_letter=90d.',
  }),
  retentionBytes: customSetting(retentionKind(sizeKind({ min: '1MiB', max: '1024TiB' })), {
    flag: 'retention-bytes',
    default: 'keep',
    description:
      'Keeps the newest messages of each topic, so long together and at most one segment longer; deletes older ones in the ' +
      'same way. At least --segment-bytes.',
  }),
  retentionUnread: choiceSetting({
    flag: 'retention-unread',
    choices: ['keep', 'drop'],
    default: 'keep',
    description:
      'What retention does with a source that no group has read yet. With keep, its messages stay until a group has read ' +
      'them. A group that has joined keeps them in either case.',
  }),
  groupExpiry: customSetting(expiryKind(durationKind({ min: '1s', max: '3650d' })), {
    flag: 'group-expiry',
    default: '7d',
    description:
      'Removes a consumer group that no member has joined and that committed nothing for this long, with its positions: ' +
      'retention then keeps nothing for it. A group with a member stays. So does one that owns the outputs of a source: ' +
      'without its positions another group would publish the same sums again. With off or 0, none is removed.',
  }),
  producerExpiryMs: durationSetting({
    flag: 'producer-expiry',
    min: '1d',
    max: '365d',
    default: '7d',
    description:
      'Forgets a producer that stored nothing for this long and has not retired. Shorten it where new producers are refused because ' +
      'programs end without retiring. A producer that repeats a batch later is refused, and stores none twice.',
  }),
  tailBytes: sizeSetting({
    flag: 'tail-bytes',
    min: '1MiB',
    max: '16GiB',
    default: '40MiB',
    description: 'Newest messages kept in memory for readers.',
  }),
};
