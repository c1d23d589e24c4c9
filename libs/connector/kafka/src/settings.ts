// The settings of the Kafka connector. They have no effect with another --connector.

import {
  booleanSetting,
  choiceKind,
  choiceSetting,
  customSetting,
  durationKind,
  hostOf,
  integerSetting,
  isLoopback,
  optional,
  secretSetting,
  textKind,
  type SettingKind,
  type SettingsOf,
} from '@pulses/shared-settings';
import { isIPv6 } from 'node:net';
import { z } from 'zod';

/** Where a broker listens. An IPv6 address has no brackets. */
export interface BrokerAddress {
  readonly host: string;
  readonly port: number;
}

const BROKERS_MAX = 100;
const PORT_MAX = 65_535;
const TOPIC_LENGTH_MAX = 249;
const DEAD_LETTER_SUFFIX = '.dead-letter';

/** Brokers separated by commas. */
const brokersKind: SettingKind<readonly BrokerAddress[]> = {
  type: 'host:port,…',
  allowed: `1 to ${BROKERS_MAX} addresses host:port, separated by commas, such as 127.0.0.1:9092 or [::1]:9092`,
  schema: z
    .string()
    .transform((text) => text.split(',').map(readBroker))
    .refine((brokers): brokers is BrokerAddress[] => brokers.length <= BROKERS_MAX && !brokers.includes(undefined)),
};

function readBroker(text: string): BrokerAddress | undefined {
  const [, authority = '', portText = ''] = /^(.+):(\d{1,5})$/.exec(text.trim()) ?? [];
  const [host, port] = [hostOf(authority), Number(portText)];
  return host === undefined || port < 1 || port > PORT_MAX ? undefined : { host, port };
}

/** `host:port`, for people. */
export function brokerText({ host, port }: BrokerAddress): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

/** The brokers of the settings, for people. */
export function brokersText({ kafkaBrokers }: Pick<KafkaSettings, 'kafkaBrokers'>): string {
  return kafkaBrokers.map(brokerText).join(',');
}

/** A name that Kafka takes for a topic, also with `suffix` appended. */
function isKafkaTopic(name: string, suffix = ''): boolean {
  const whole = name + suffix;
  return /^[\w.-]+$/.test(whole) && whole.length <= TOPIC_LENGTH_MAX && whole !== '.' && whole !== '..';
}

const kafkaTopicKind: SettingKind<string> = {
  type: 'topic',
  allowed: `1 to ${TOPIC_LENGTH_MAX} letters, digits and the characters . _ -`,
  schema: z.string().refine((name) => isKafkaTopic(name)),
};

const retention = durationKind({ min: '1h', max: '3650d' });
const KEEP = 'keep';

/** How long messages are kept: a duration, or for ever. */
const retentionKind: SettingKind<number | undefined> = {
  type: `${KEEP}|duration`,
  allowed: `${KEEP}, or ${retention.allowed}`,
  schema: z.union([z.literal(KEEP).transform(() => undefined), retention.schema]),
};

/** Mechanisms of SASL, as a user writes them. */
const SASL_MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;

export const kafkaSettings = {
  kafkaBrokers: customSetting(brokersKind, {
    flag: 'kafka-brokers',
    default: '127.0.0.1:9092',
    description: 'Brokers that --connector kafka asks first; they name the others of the cluster.',
  }),
  kafkaTls: booleanSetting({ flag: 'kafka-tls', description: 'Connect to Kafka with TLS.' }),
  kafkaTlsCaFile: optional(textKind, {
    flag: 'kafka-tls-ca-file',
    description: 'PEM file of certificates to trust for Kafka; turns TLS on.',
  }),
  kafkaTlsCertFile: optional(textKind, {
    flag: 'kafka-tls-cert-file',
    description: 'PEM file of the certificate to show to Kafka; turns TLS on.',
  }),
  kafkaTlsKeyFile: optional(textKind, {
    flag: 'kafka-tls-key-file',
    description: 'PEM file of its private key, not encrypted.',
  }),
  kafkaSaslMechanism: optional(choiceKind(SASL_MECHANISMS), {
    flag: 'kafka-sasl-mechanism',
    description: 'How to prove the user to Kafka. Absent: no SASL.',
  }),
  kafkaUsername: optional(textKind, { flag: 'kafka-username', description: 'User of --kafka-sasl-mechanism.' }),
  kafkaPassword: {
    ...secretSetting({ flag: 'kafka-password', description: 'Password of --kafka-username.' }),
    warning: plainPasswordWarning,
  },
  kafkaGroupProtocol: choiceSetting({
    flag: 'kafka-group-protocol',
    choices: ['auto', 'consumer', 'classic'],
    default: 'auto',
    description:
      'How members share the partitions. With consumer, which is KIP-848, the brokers decide and set the time-outs. With ' +
      'classic, a member decides; one that crashed is replaced within 10 s. With auto, the first where it is as fast.',
  }),
  kafkaCreateTopics: booleanSetting({
    flag: 'kafka-create-topics',
    description: 'Creates topics that are missing.',
  }),
  kafkaPartitions: integerSetting({
    flag: 'kafka-partitions',
    min: 1,
    max: 10_000,
    default: '1',
    description: 'Partitions of each topic that is created.',
  }),
  kafkaReplication: integerSetting({
    flag: 'kafka-replication',
    min: 1,
    max: 100,
    default: '1',
    description: 'Replicas of each topic that is created. From 3 on, a message is stored by two before it counts.',
  }),
  kafkaRetention: customSetting(retentionKind, {
    flag: 'kafka-retention',
    default: KEEP,
    description:
      'How long a topic that is created keeps its messages. Kafka removes them after that time, whether they were read or not.',
  }),
  kafkaGroupedTopic: customSetting(kafkaTopicKind, {
    flag: 'kafka-grouped-topic',
    default: 'tenants.grouped.pulses',
    description: 'Topic of the grouped pulses of all tenants.',
  }),
  kafkaAggregatedTopic: customSetting(kafkaTopicKind, {
    flag: 'kafka-aggregated-topic',
    default: 'tenants.aggregated.pulses.amount',
    description: 'Topic of the sums of all tenants.',
  }),
  kafkaDeadLetterTopic: optional(kafkaTopicKind, {
    flag: 'kafka-dead-letter-topic',
    description: 'Topic of what is no pulse. Absent: the source topic with .dead-letter appended.',
  }),
  kafkaCompression: choiceSetting({
    flag: 'kafka-compression',
    choices: ['none', 'lz4', 'zstd'],
    default: 'none',
    description: 'Compression of what is written to Kafka.',
  }),
};

export type KafkaSettings = SettingsOf<typeof kafkaSettings>;

/** The topics of one source. */
export interface KafkaTopics {
  readonly source: string;
  readonly grouped: string;
  readonly aggregated: string;
  readonly deadLetter: string;
}

/** The names of the topics that belong to a source. */
export function topicsOf(
  source: string,
  settings: Pick<KafkaSettings, 'kafkaGroupedTopic' | 'kafkaAggregatedTopic' | 'kafkaDeadLetterTopic'>,
): KafkaTopics {
  return {
    source,
    grouped: settings.kafkaGroupedTopic,
    aggregated: settings.kafkaAggregatedTopic,
    deadLetter: settings.kafkaDeadLetterTopic ?? source + DEAD_LETTER_SUFFIX,
  };
}

function plainPasswordWarning(values: Readonly<Record<string, unknown>>): string | undefined {
  const { connector, kafkaSaslMechanism, kafkaBrokers, kafkaPassword } = values;
  if (connector !== 'kafka' || kafkaSaslMechanism !== 'plain' || kafkaPassword === undefined) return undefined;
  if (usesTls(values)) return undefined;
  const far = (kafkaBrokers as readonly BrokerAddress[]).find(({ host }) => !isLoopback(host));
  return far === undefined
    ? undefined
    : `--kafka-password: the password is sent to ${brokerText(far)} in plain text; use --kafka-tls or a SCRAM mechanism`;
}

/** Whether the settings ask for TLS. */
export function usesTls(settings: Partial<KafkaSettings>): boolean {
  const { kafkaTls, kafkaTlsCaFile, kafkaTlsCertFile } = settings;
  return kafkaTls === true || kafkaTlsCaFile !== undefined || kafkaTlsCertFile !== undefined;
}
