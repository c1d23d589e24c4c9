// What a user can set on the stub generator.

import { topicKind } from '@pulses/broker-client';
import { connectorNames, connectorSettings } from '@pulses/connector-registry';
import {
  booleanSetting,
  choiceSetting,
  customSetting,
  integerKind,
  integerSetting,
  optional,
  type SettingKind,
} from '@pulses/shared-settings';
import { z } from 'zod';

/** Pulses a second; Infinity for as fast as the broker acknowledges. */
const rateKind: SettingKind<number> = {
  type: 'pulses/s|max',
  allowed: 'a number of pulses per second from 0.001 to 10000000, or max',
  schema: z
    .string()
    .regex(/^(max|\d{1,8}(\.\d{1,3})?)$/)
    .transform((text) => (text === 'max' ? Infinity : Number(text)))
    .refine((rate) => rate === Infinity || (rate >= 0.001 && rate <= 10_000_000)),
};

const skewKind: SettingKind<number> = {
  type: 'number',
  allowed: 'a number from 0 to 5',
  schema: z
    .string()
    .regex(/^\d(\.\d{1,6})?$/)
    .transform(Number)
    .pipe(z.number().min(0).max(5)),
};

export const generatorSettings = {
  ...connectorSettings,
  connector: choiceSetting({
    flag: 'connector',
    choices: connectorNames,
    default: 'fs',
    description: 'System to publish to.',
  }),
  sourceTopic: customSetting(topicKind(), {
    flag: 'source-topic',
    default: 'source.pulses',
    description: 'Topic to publish to.',
  }),
  tenants: integerSetting({
    flag: 'tenants',
    min: 1,
    max: 1_000_000,
    default: '10',
    description: 'Number of tenants.',
  }),
  skus: integerSetting({ flag: 'skus', min: 1, max: 100_000, default: '50', description: 'Number of SKUs.' }),
  rate: customSetting(rateKind, {
    flag: 'rate',
    default: '10',
    description: 'Pulses per second; max is as fast as the broker acknowledges.',
  }),
  count: optional(integerKind({ min: 1, max: Number.MAX_SAFE_INTEGER }), {
    flag: 'count',
    description: 'Stop after this number of pulses; without it, run until stopped.',
  }),
  seed: integerSetting({
    flag: 'seed',
    min: 0,
    max: 0xffff_ffff,
    default: '1',
    description: 'The same seed gives the same pulses.',
  }),
  clean: booleanSetting({ flag: 'clean', description: 'Delete all topics first.' }),
  skew: customSetting(skewKind, {
    flag: 'skew',
    default: '0',
    description: 'Zipf exponent of the tenants: 0 makes all alike, 1 gives the first far more pulses than the last.',
  }),
};
