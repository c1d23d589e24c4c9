// What a user can set on an ingestor.

import { engineNames, engineSettings } from '@pulses/aggregation-registry';
import { groupKind, topicKind } from '@pulses/broker-client';
import { connectorNames, connectorSettings } from '@pulses/connector-registry';
import { httpAuthSetting, httpSettings } from '@pulses/shared-monitoring';
import { deadLetterTopic } from '@pulses/shared-pulse-model';
import {
  booleanSetting,
  choiceSetting,
  customSetting,
  durationSetting,
  integerSetting,
  isLoopback,
  type SettingsOf,
} from '@pulses/shared-settings';

/** What most users set comes first in the help. */
export const ingestorSettings = {
  connector: choiceSetting({
    flag: 'connector',
    choices: connectorNames,
    default: 'fs',
    description: 'System that carries source and outputs.',
  }),
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
  flushIntervalMs: durationSetting({
    flag: 'flush-interval',
    min: '10ms',
    max: '1d',
    default: '5s',
    description: 'Length of a window: how often sums are published.',
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
  engine: choiceSetting({
    flag: 'engine',
    choices: engineNames,
    default: 'memory',
    description: 'Where the sums of the open window are kept.',
  }),
  ...engineSettings,
  ...httpSettings('9002'),
  httpAuth: httpAuthSetting,
  insecureBind: booleanSetting({
    flag: 'insecure-bind',
    description: 'Allows an HTTP address beyond this machine: the network is private.',
    warning: ({ insecureBind, httpHost, httpAuth, authToken }) => {
      const asksForToken = authToken !== undefined && httpAuth !== 'off';
      if (insecureBind !== true || isLoopback(String(httpHost)) || (asksForToken && httpAuth === 'on'))
        return undefined;
      const what = asksForToken ? 'metrics; --http-auth is auto' : "metrics and the open window's sums";
      return `--insecure-bind: any program that reaches ${String(httpHost)} can read ${what}`;
    },
  }),
  ...connectorSettings,
};

export type IngestorSettings = SettingsOf<typeof ingestorSettings>;
