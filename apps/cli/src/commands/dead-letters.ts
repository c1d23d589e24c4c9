// pulses dead-letters: what was refused, and why.

import type { TopicReader } from '@pulses/connector-api';
import { booleanSetting, integerKind, optional } from '@pulses/shared-settings';
import { defineCommand } from '../command';
import { connectorCommandSettings, withTopics } from '../connector-access';
import { findLetters, letterSettings, readLetters, type Letter, type LetterSelection } from '../dead-letters/letters';
import { readRedrivenMarks } from '../dead-letters/redrive';
import { groupedDigits, writeListing, type Column, type Row } from '../listing';
import { visibleBytes, visibleJson } from '../visible-text';

const ROWS_SHOWN_MAX = 1000;
const RAW_BYTES_SHOWN_MAX = 2000;

const COLUMNS: readonly Column[] = [
  { title: 'offset', align: 'right' },
  { title: 'source offset', align: 'right' },
  { title: 'time', align: 'left' },
  { title: 'reason', align: 'left' },
  { title: 'redriven', align: 'left' },
  { title: 'detail', align: 'left' },
];
const RAW_COLUMN: Column = { title: 'raw', align: 'left' };

export const deadLettersCommand = defineCommand({
  name: 'dead-letters',
  purpose: 'Lists the invalid messages of the source, with the reason.',
  details:
    'JSON shows each message whole, with --raw its bytes as base64. A table escapes every byte that is not plain text. ' +
    `A table ends after ${ROWS_SHOWN_MAX} of them. \`pulses dead-letters redrive\` publishes them again.`,
  settings: {
    ...connectorCommandSettings,
    ...letterSettings,
    count: optional(integerKind({ min: 1, max: Number.MAX_SAFE_INTEGER }), {
      flag: 'count',
      description: 'Stop after this number of dead letters.',
    }),
    raw: booleanSetting({ flag: 'raw', description: 'Show the bytes of each message.' }),
  },
  async run({ settings, terminal }) {
    const asJson = settings.json || !terminal.isInteractive;
    const countMax = Math.min(settings.count ?? Infinity, asJson ? Infinity : ROWS_SHOWN_MAX);
    const listing = { columns: settings.raw ? [...COLUMNS, RAW_COLUMN] : COLUMNS, asJson, empty: 'no dead letters' };
    await withTopics(settings, async (topics) => {
      const shown: Row[] = [];
      for await (const rows of rowsOf(topics, settings, settings.raw, countMax)) {
        if (asJson) await writeListing(terminal, { ...listing, rows });
        else shown.push(...rows);
      }
      if (!asJson) await writeListing(terminal, { ...listing, rows: shown });
    });
    return 0;
  },
});

async function* rowsOf(
  topics: TopicReader,
  selection: LetterSelection,
  withRaw: boolean,
  countMax: number,
): AsyncGenerator<Row[], void, undefined> {
  let count = 0;
  for (const letters of await findLetters(topics, selection)) {
    const marks = await readRedrivenMarks(topics, letters);
    for await (const some of readLetters(topics, letters, selection)) {
      const rows = some.slice(0, countMax - count).map((letter) => rowOf(letter, marks.has(letter.offset), withRaw));
      count += rows.length;
      yield rows;
      if (count === countMax) return;
    }
  }
}

function offsetText(partition: number | undefined, offset: number): string {
  return partition === undefined ? groupedDigits(offset) : `${partition}: ${groupedDigits(offset)}`;
}

function rowOf(
  { partition, offset, sourceOffset, sourcePartition, reason, detail, timestampS, raw }: Letter,
  redriven: boolean,
  withRaw: boolean,
): Row {
  const time = new Date(timestampS * 1000).toISOString();
  const cut = raw.byteLength > RAW_BYTES_SHOWN_MAX ? '…' : '';
  return {
    cells: [
      offsetText(partition, offset),
      offsetText(sourcePartition, sourceOffset),
      time,
      reason,
      redriven ? 'yes' : 'no',
      detail,
      ...(withRaw ? [`${visibleBytes(raw.subarray(0, RAW_BYTES_SHOWN_MAX))}${cut}`] : []),
    ],
    json: visibleJson({
      partition,
      offset,
      source_partition: sourcePartition,
      source_offset: sourceOffset,
      time,
      reason,
      detail,
      redriven,
      ...(withRaw ? { raw: raw.toString('base64') } : {}),
    }),
  };
}
