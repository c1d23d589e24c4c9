// pulses totals: exact sums of the grouped pulses.

import type { PartitionInfo, TopicReader } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { nodeClock } from '@pulses/shared-node-platform';
import { encodeTenant, formatAmount, groupedTopic } from '@pulses/shared-pulse-model';
import {
  booleanSetting,
  customSetting,
  hostOf,
  httpAddressKind,
  isLoopback,
  optional,
  textKind,
} from '@pulses/shared-settings';
import { defineCommand } from '../command';
import { connectorCommandSettings, withConnections } from '../connector-access';
import { writeListing } from '../listing';
import { readLiveSums } from '../live-sums';
import { visibleText } from '../visible-text';
import { startProgress } from '../progress';
import { GroupedSums } from '../sums/grouped-sums';
import { KeySelection } from '../sums/key-selection';
import { SUM_COLUMNS, sumRow } from '../sums/sum-listing';
import { timeKind } from '../time-kind';

/** For all tenants: many small topics. */
const CONNECTIONS = 4;

export const totalsCommand = defineCommand({
  name: 'totals',
  purpose: 'Sums the grouped pulses by tenant, SKU and unit, exactly.',
  details:
    'Reads the grouped topics up to the messages that were the last when it started. Of more than 4,000,000 keys ' +
    '(tenant, SKU, unit), --tenant or --sku has to choose.',
  settings: {
    ...connectorCommandSettings,
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
      const note = (text: string) => {
        terminal.note(`pulses: warning: ${visibleText(text)}`);
      };
      const live = await readLiveSums(settings.ingestorHttp, tenant, settings.authToken, note);
      const open = live.filter(
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
    const selection = new KeySelection({ tenant, sku, unit });
    const reading = new GroupedSums(
      (pulse) =>
        pulse.timestamp >= since && pulse.timestamp < until && pulse.timestamp <= through && selection.allows(pulse),
    );
    const progress = await startProgress(terminal, nodeClock, () => reading.progress);
    try {
      await withConnections(settings, tenant === undefined ? CONNECTIONS : 1, async (connections) => {
        await reading.read(connections, await groupedPartitions(connections[0] as TopicReader, tenant));
      });
    } finally {
      progress.stop();
    }
    await writeListing(terminal, {
      columns: SUM_COLUMNS,
      rows: reading.sums.sorted().map((sum) => sumRow(sum, formatAmount(sum.amount))),
      asJson: settings.json,
      empty: 'no pulses',
    });
    return 0;
  },
});

async function groupedPartitions(topics: TopicReader, tenant: string | undefined): Promise<PartitionInfo[]> {
  if (tenant !== undefined) return await topics.partitions(groupedTopic(encodeTenant(Buffer.from(tenant))));
  return (await topics.outputs()).filter(({ kind }) => kind === 'grouped');
}
