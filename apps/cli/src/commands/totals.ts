// pulses totals: exact sums of the grouped pulses.

import { linesOf, readBatches, type BrokerReader } from '@pulses/broker-client';
import type { TopicInfo } from '@pulses/broker-wire';
import { mapConcurrent } from '@pulses/shared-async';
import { isPulsesError, PulsesError } from '@pulses/shared-errors';
import {
  encodeTenant,
  formatAmount,
  groupedTopic,
  parseGroupedPulse,
  topicKindOf,
  type GroupedPulse,
} from '@pulses/shared-pulse-model';
import {
  booleanSetting,
  customSetting,
  hostOf,
  httpAddressKind,
  isLoopback,
  optional,
  textKind,
} from '@pulses/shared-settings';
import { brokerCommandSettings, withBroker } from '../broker-access';
import { defineCommand } from '../command';
import { writeListing } from '../listing';
import { readLiveSums } from '../live-sums';
import { SUM_COLUMNS, sumRow } from '../sum-listing';
import { createSums, type KeySum } from '../sums';
import { timeKind } from '../time-kind';

const CONCURRENT_TOPICS = 8;
const CREDIT_BYTES = 1024 * 1024;

export const totalsCommand = defineCommand({
  name: 'totals',
  purpose: 'Sums the grouped pulses by tenant, SKU and unit, exactly.',
  details: 'Reads the grouped topics up to the messages that were the last when it started.',
  settings: {
    ...brokerCommandSettings,
    tenant: optional(textKind, { flag: 'tenant', description: 'Only pulses of this tenant.' }),
    sku: optional(textKind, { flag: 'sku', description: 'Only pulses of this SKU.' }),
    unit: optional(textKind, { flag: 'unit', description: 'Only pulses in this unit.' }),
    since: optional(timeKind, {
      flag: 'since',
      description: 'Only pulses that the broker stored at this time or later; their time counts in whole seconds.',
    }),
    until: optional(timeKind, {
      flag: 'until',
      description: 'Only pulses that the broker stored before this time; their time counts in whole seconds.',
    }),
    through: optional(timeKind, { flag: 'through', description: 'Like --until, with pulses of this time too.' }),
    live: booleanSetting({
      flag: 'live',
      description: "The open window's sums so far instead, read from the ingestor.",
      warning: ({ live, authToken, ingestorHttp }) =>
        live !== true || authToken === undefined || isLoopback(hostOf(String(ingestorHttp)) ?? '')
          ? undefined
          : `--live: the token is sent to ${String(ingestorHttp)} in plain text`,
    }),
    ingestorHttp: customSetting(httpAddressKind, {
      flag: 'ingestor-http',
      default: '127.0.0.1:9002',
      description: "With --live: host and port of the ingestor's HTTP.",
    }),
  },
  async run({ settings, terminal }) {
    const { tenant, sku, unit, since = -Infinity, until = Infinity, through = Infinity } = settings;
    if (settings.live) {
      if ([settings.since, settings.until, settings.through].some((time) => time !== undefined))
        throw new PulsesError(
          'CONFIG_INVALID',
          '--live: the open window has its own bounds; allowed: without --since, --until and --through',
        );
      const open = (await readLiveSums(settings.ingestorHttp, tenant, settings.authToken)).filter(
        ({ productSku, useUnit }) =>
          (sku === undefined || productSku === sku) && (unit === undefined || useUnit === unit),
      );
      const rows = open.map(({ total, ...key }) => sumRow(key, total));
      await writeListing(terminal, {
        columns: SUM_COLUMNS,
        rows,
        asJson: settings.json,
        empty: 'no pulses in the open window',
      });
      return 0;
    }
    const counts = (pulse: GroupedPulse) =>
      (tenant === undefined || pulse.tenant_id === tenant) &&
      (sku === undefined || pulse.product_sku === sku) &&
      (unit === undefined || pulse.use_unit === unit) &&
      pulse.timestamp >= since &&
      pulse.timestamp < until &&
      pulse.timestamp <= through;
    const sums = await withBroker(settings, (client) => sumTopics(client, tenant, counts));
    await writeListing(terminal, {
      columns: SUM_COLUMNS,
      rows: sums.map((sum) => sumRow(sum, formatAmount(sum.amount))),
      asJson: settings.json,
      empty: 'no pulses',
    });
    return 0;
  },
});

async function sumTopics(
  client: BrokerReader,
  tenant: string | undefined,
  counts: (pulse: GroupedPulse) => boolean,
): Promise<KeySum[]> {
  const only = tenant === undefined ? undefined : groupedTopic(encodeTenant(Buffer.from(tenant)));
  const topics = (await client.listTopics(only ?? 'tenants.')).filter(({ topic }) =>
    only === undefined ? topicKindOf(topic) === 'grouped' : topic === only,
  );
  const sums = createSums();
  await mapConcurrent(topics, CONCURRENT_TOPICS, async (info) => {
    for await (const pulses of groupedPulses(client, info))
      for (const pulse of pulses)
        if (counts(pulse)) sums.add(pulse.tenant_id, pulse.product_sku, pulse.use_unit, pulse.used_amount);
  });
  return sums.sorted();
}

async function* groupedPulses(client: BrokerReader, info: TopicInfo): AsyncGenerator<GroupedPulse[], void, undefined> {
  const { topic, incarnation, startOffset: fromOffset, nextOffset: untilOffset } = info;
  const range = { topic, incarnation, fromOffset, untilOffset, creditBytes: CREDIT_BYTES };
  for await (const batches of readBatches(client, range))
    for (const batch of batches)
      yield linesOf(batch).map((line, index) => readPulse(line, topic, batch.baseOffset + index));
}

function readPulse(line: string, topic: string, offset: number): GroupedPulse {
  try {
    return parseGroupedPulse(line);
  } catch (error) {
    if (!isPulsesError(error)) throw error;
    throw new PulsesError(error.code, `${topic}, offset ${offset}: ${error.message}`, { cause: error });
  }
}
