// A Markdown table with aligned columns.

export function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const escaped = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((_, column) => Math.max(3, ...escaped.map((row) => [...(row[column] ?? '')].length)));
  const lineOf = (row: readonly string[]) =>
    `| ${widths.map((width, column) => padded(row[column] ?? '', width)).join(' | ')} |`;
  const [first = [], ...others] = escaped;
  return [lineOf(first), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...others.map(lineOf)].join(
    '\n',
  );
}

const padded = (text: string, width: number) => text + ' '.repeat(width - [...text].length);
