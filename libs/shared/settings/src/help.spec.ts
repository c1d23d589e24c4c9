import { describe, expect, it } from '@jest/globals';
import { closest } from './closest';
import { renderHelp, renderSettingsTable } from './help';
import {
  booleanSetting,
  choiceSetting,
  durationSetting,
  optional,
  portSetting,
  secretSetting,
  textKind,
} from './setting';

const definition = {
  port: portSetting({ flag: 'port', default: '9000', description: 'TCP port of the broker.' }),
  intervalMs: durationSetting({
    flag: 'flush-interval',
    min: '100ms',
    max: '1h',
    default: '5s',
    description: 'Length of a window: sums are emitted once the log has provably passed its end, and not before that.',
  }),
  connector: choiceSetting({
    flag: 'connector',
    choices: ['fs', 'kafka'],
    default: 'fs',
    description: 'Message system.',
  }),
  stub: booleanSetting({ flag: 'stub', description: 'Runs a stub generator too.' }),
  url: optional(textKind, { flag: 'redis-url', description: 'Address of Redis.' }),
  token: secretSetting({ flag: 'auth-token', description: 'Token to show.' }),
};

const helpOf = (width: number) =>
  renderHelp(definition, {
    usage: 'ingestor [flags]',
    summary: 'Reads pulses and writes sums. '.repeat(6).trim(),
    width,
  });

/** Head of each setting's block with the text below it, unwrapped. */
function blocksOf(help: string): Map<string, string> {
  const parts = help.split(/^ {2}(?=--)/m).slice(1);
  return new Map(
    parts.map((part) => {
      const [head = '', ...lines] = part.split('\n');
      return [
        head,
        lines
          .map((line) => line.trim())
          .join(' ')
          .trim(),
      ];
    }),
  );
}

describe('the help text', () => {
  it('has type, default, unit and variable of every setting', () => {
    const blocks = blocksOf(helpOf(80));
    expect(blocks.get('--port <port>')).toBe(
      'TCP port of the broker. [PULSES_PORT; a whole number from 0 to 65535; default 9000]',
    );
    expect(blocks.get('--flush-interval <duration>')).toContain(
      '[PULSES_FLUSH_INTERVAL; a duration from 100ms to 1h, such as 500ms, 5s or 2m; default 5s]',
    );
    expect(blocks.get('--connector <fs|kafka>')).toBe(
      'Message system. [PULSES_CONNECTOR; one of fs, kafka; default fs]',
    );
    expect(blocks.get('--stub')).toBe('Runs a stub generator too. [PULSES_STUB; true or false; default false]');
    expect(blocks.get('--redis-url <text>')).toBe('Address of Redis. [PULSES_REDIS_URL; text that is not empty]');
    expect(blocks.get('--auth-token <secret>')).toBe(
      'Token to show. Also from a file: --auth-token-file, PULSES_AUTH_TOKEN_FILE. [PULSES_AUTH_TOKEN; text that is not empty]',
    );
    expect([...blocks.keys()].slice(-2)).toEqual(['--help', '--version']);
    expect(helpOf(80).startsWith('Usage: ingestor [flags]\n\nReads pulses')).toBe(true);
    expect(helpOf(80).endsWith('.\n')).toBe(true);
  });

  it.each([
    [1, 40],
    [40, 40],
    [80, 80],
    [120, 120],
    [400, 120],
  ])('wraps at the %i columns of a terminal, within reason', (width, columns) => {
    const lines = helpOf(width).split('\n');
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
    // A line breaks only where the next word does not fit.
    const summary = lines.slice(2, lines.indexOf('', 2));
    summary.slice(1).forEach((line, index) => {
      const [firstWord = ''] = line.split(' ');
      expect(`${summary[index] ?? ''} ${firstWord}`.length).toBeGreaterThan(columns);
    });
    expect(summary.join(' ')).toBe('Reads pulses and writes sums. '.repeat(6).trim());
  });

  it('names no choices beside a flag where they do not fit: they are in its text', () => {
    const choices = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
    const mechanism = choiceSetting({ flag: 'mechanism', choices, default: 'plain', description: 'How.' });
    const headOf = (width: number) => renderHelp({ mechanism }, { usage: 'x', summary: 's', width }).split('  --')[1];
    expect(headOf(80)).toMatch(/^mechanism <plain\|scram-sha-256\|scram-sha-512>\n/);
    expect(headOf(40)).toMatch(/^mechanism <choice>\n/);
  });

  it('fills a line to its last column', () => {
    const summaryOf = (summary: string) => renderHelp({}, { usage: 'x', summary, width: 40 }).split('\n').slice(2, 4);
    const [twenty, nineteen] = ['a'.repeat(20), 'b'.repeat(19)];
    expect(summaryOf(`${twenty} ${nineteen}`)).toEqual([`${twenty} ${nineteen}`, '']);
    expect(summaryOf(`${twenty} ${nineteen}b`)).toEqual([twenty, `${nineteen}b`]);
  });

  it('keeps a word whole that is longer than a line', () => {
    const word = 'x'.repeat(60);
    const help = renderHelp({}, { usage: 'x', summary: `short ${word} short`, width: 40 });
    expect(help.split('\n').slice(2, 5)).toEqual(['short', word, 'short']);
  });
});

describe('the table of settings', () => {
  it('has a row of four cells for each setting', () => {
    const [head, rule, ...rows] = renderSettingsTable(definition).split('\n');
    expect(head).toBe('| flag | type | default | |');
    expect(rule).toBe('|---|---|---|---|');
    expect(rows).toContain('| `--connector` | fs \\| kafka | `fs` | Message system. |');
    expect(rows).toContain('| `--redis-url` | text | – | Address of Redis. |');
    expect(rows).toHaveLength(Object.keys(definition).length);
  });
});

describe('the nearest word', () => {
  it.each([
    ['prot', 'port'],
    ['port', 'port'],
    ['hots', 'host'],
    ['pots', 'port'],
    ['watermelon', undefined],
    ['', undefined],
  ])('to %j is %j', (word, nearest) => {
    expect(closest(word, ['port', 'host'])).toBe(nearest);
  });
});
