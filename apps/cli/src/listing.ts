// Lists: a table on a terminal, NDJSON elsewhere.

import Table from 'cli-table3';
import type { Terminal } from './terminal';
import { visibleText } from './visible-text';

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

export interface Row {
  /** One for each column of the table. */
  readonly cells: readonly string[];
  /** The row as one JSON object. */
  readonly json: string;
}

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** @param empty shown in place of a table without rows */
export async function writeListing(
  terminal: Terminal,
  {
    columns,
    rows,
    asJson,
    empty,
  }: { columns: readonly Column[]; rows: readonly Row[]; asJson: boolean; empty: string },
): Promise<void> {
  if (asJson || !terminal.isInteractive) await terminal.write(rows.map(({ json }) => `${json}\n`).join(''));
  else
    await terminal.write(
      rows.length === 0
        ? `${empty}\n`
        : `${renderTable(
            columns,
            rows.map(({ cells }) => cells),
          )}\n`,
    );
}

/** Rows under titles; terminal control characters are escaped. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const table = new Table({
    head: columns.map(({ title }) => title),
    colAligns: columns.map(({ align }) => align),
    chars: NO_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  for (const row of rows) table.push(row.map(visibleText));
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

/** `1,234,567` */
export function groupedDigits(value: number): string {
  return value.toLocaleString('en-US');
}

/** A topic, with its partition where it has several. */
export function partitionText(topic: string, partition: number | undefined): string {
  return partition === undefined ? topic : `${topic}[${partition}]`;
}
