// What a user can set on an ingestor.

import { redisSettings } from '@pulses/aggregation-redis';
import { brokerClientSettings, groupKind, topicKind } from '@pulses/broker-client';
import { deadLetterTopic } from '@pulses/shared-pulse-model';
import {
  booleanSetting,
  choiceSetting,
  customSetting,
  durationSetting,
  integerSetting,
  portSetting,
  textSetting,
  type SettingsOf,
} from '@pulses/shared-settings';

export const ingestorSettings = {
  ...brokerClientSettings,
  sourceTopic: customSetting(topicKind(deadLetterTopic('')), {
    flag: 'source-topic',
    default: 'source.pulses',
    description: 'Topic to read pulses from.',
  }),
  group: customSetting(groupKind, {
    flag: 'group',
    default: 'ingestor',
    description:
      'Name of the group that shares one position: one member works, the others stand by. A source has one group: a ' +
      'second one would publish every output again.',
  }),
  connector: choiceSetting({
    flag: 'connector',
    choices: ['fs', 'kafka', 'nats'],
    default: 'fs',
    description: 'System that carries source and outputs. This version has fs.',
  }),
  engine: choiceSetting({
    flag: 'engine',
    choices: ['memory', 'redis'],
    default: 'memory',
    description: 'Where the sums of the open window are kept.',
  }),
  ...redisSettings,
  flushIntervalMs: durationSetting({
    flag: 'flush-interval',
    min: '10ms',
    max: '1d',
    default: '5s',
    description: 'Length of a window: how often sums are published.',
  }),
  httpHost: textSetting({
    flag: 'http-host',
    default: '127.0.0.1',
    description: 'Address of health, readiness and metrics.',
  }),
  httpPort: portSetting({ flag: 'http-port', default: '9002', description: 'HTTP port; 0 takes a free one.' }),
  insecureBind: booleanSetting({
    flag: 'insecure-bind',
    description: 'Allows an HTTP address beyond this machine: the network is private.',
  }),
  stub: booleanSetting({ flag: 'stub', description: 'Runs the stub generator as well.' }),
  stubTenants: integerSetting({
    flag: 'stub-tenants',
    min: 1,
    max: 1_000_000,
    default: '10',
    description: 'Number of tenants of the stub generator.',
  }),
  stubSkus: integerSetting({
    flag: 'stub-skus',
    min: 1,
    max: 100_000,
    default: '50',
    description: 'Number of SKUs of the stub generator.',
  }),
  stubClean: booleanSetting({ flag: 'stub-clean', description: 'With --stub: deletes all topics first.' }),
};

export type IngestorSettings = SettingsOf<typeof ingestorSettings>;
