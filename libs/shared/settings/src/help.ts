// Renders the help text and the reference table from the declarations of settings.

import { variableOf, type Setting } from './setting';
import type { SettingsDefinition } from './settings';

const WIDTH_MIN = 40;
const WIDTH_MAX = 120;

export interface HelpOptions {
  /** As a user types it: `broker [flags]`. */
  readonly usage: string;
  /** What the program does, in a few sentences. */
  readonly summary: string;
  /** Columns of the terminal. */
  readonly width: number;
}

/** The text of `--help`. */
export function renderHelp(definition: SettingsDefinition, { usage, summary, width }: HelpOptions): string {
  const columns = Math.min(Math.max(width, WIDTH_MIN), WIDTH_MAX);
  const blocks = Object.values(definition).map((setting) => {
    const head = `  --${setting.flag}${setting.boolean ? '' : ` <${setting.type}>`}`;
    // What may be chosen is in the text below, too.
    const shownHead = head.length > columns ? head.replace(/<\S+\|\S+>$/, '<choice>') : head;
    const files = setting.secret ? ` Also from a file: --${setting.flag}-file, ${variableOf(setting.flag)}_FILE.` : '';
    return [shownHead, ...wrap(`${setting.description}${files} [${factsOf(setting)}]`, columns, '      ')].join('\n');
  });
  return [
    `Usage: ${usage}`,
    '',
    ...wrap(summary, columns, ''),
    '',
    ...wrap('Flags (each is also an environment variable; flag beats variable beats default):', columns, ''),
    ...blocks,
    '  --help',
    '      Prints this text.',
    '  --version',
    '      Prints the version.',
    '',
  ].join('\n');
}

/** The settings as a Markdown table, for documents. */
export function renderSettingsTable(definition: SettingsDefinition): string {
  const rows = Object.values(definition).map((setting) => {
    const type = setting.type.replaceAll('|', ' \\| ');
    const fallback = setting.defaultText === undefined ? '–' : `\`${setting.defaultText}\``;
    return `| \`--${setting.flag}\` | ${type} | ${fallback} | ${setting.description} |`;
  });
  return ['| flag | type | default | |', '|---|---|---|---|', ...rows].join('\n');
}

function factsOf(setting: Setting<unknown>): string {
  const facts = [variableOf(setting.flag), setting.allowed];
  if (setting.defaultText !== undefined) facts.push(`default ${setting.defaultText}`);
  return facts.join('; ');
}

function wrap(text: string, columns: number, indent: string): string[] {
  const lines: string[] = [];
  let line = indent;
  for (const word of text.split(/\s+/)) {
    if (line.length > indent.length && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = indent;
    }
    line += line.length === indent.length ? word : ` ${word}`;
  }
  return [...lines, line];
}
