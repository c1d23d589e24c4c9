import { describe, expect, it } from '@jest/globals';
import { PulsesError } from '@pulses/shared-errors';
import type { ProcessPort } from '@pulses/shared-process';
import { textSetting } from '@pulses/shared-settings';
import { defineCommand } from './command';
import { runCli } from './run-cli';
import { OutputClosed, type Terminal } from './terminal';

type Ending = 'fine' | 'different' | 'broken' | 'closed' | 'waiting';

async function run(argv: readonly string[], ending: Ending = 'fine', signals: readonly ('SIGINT' | 'SIGTERM')[] = []) {
  const result = { out: '', error: '', codes: [] as number[] };
  let onSignal: Parameters<ProcessPort['onSignal']>[0] = () => undefined;
  const host: ProcessPort = {
    argv,
    env: {},
    columns: 80,
    errorTerminal: 'none',
    writeOut: (text) => (result.out += text),
    writeError: (text) => {
      result.error += text;
      return true;
    },
    errorLinesDropped: () => 0,
    readFile: () => '',
    onSignal: (handler) => (onSignal = handler),
    onReload: () => undefined,
    onParentGone: () => undefined,
    onCrash: () => undefined,
    exit: (code) => result.codes.push(code),
  };
  const terminal: Terminal = {
    isInteractive: false,
    showsProgress: false,
    canAsk: false,
    ask: async () => '',
    write: async (data) => {
      if (ending === 'closed') throw new OutputClosed();
      result.out += String(data);
    },
    flush: async () => undefined,
    note: () => undefined,
    async *input() {},
  };
  const greet = defineCommand({
    name: 'greet',
    args: ['NAME'],
    purpose: 'Greets.',
    details: 'Nothing more.',
    settings: { word: textSetting({ flag: 'word', default: 'hello', description: 'What to say.' }) },
    async run({ settings, args: [name], terminal: { write }, stopSignal }) {
      if (ending === 'broken') throw new PulsesError('TOPIC_UNKNOWN', 'no \u001b[2J\nsuch topic');
      if (ending === 'waiting') {
        const stop = stopSignal();
        for (const signal of signals) onSignal(signal, 0);
        expect(stop.aborted).toBe(true);
      }
      await write(`${settings.word} ${name ?? ''}\n`);
      return ending === 'different' ? 1 : 0;
    },
  });
  const greetAgain = defineCommand({
    name: 'greet again',
    purpose: 'Greets again.',
    details: 'Nothing more.',
    settings: {},
    async run({ terminal: { write } }) {
      await write('again\n');
      return 0;
    },
  });
  await runCli([greet, greetAgain], host, terminal);
  return result;
}

describe('the command line', () => {
  it('runs a command with its arguments and settings', async () => {
    expect(await run(['greet', 'world', '--word=bye'])).toEqual({ out: 'bye world\n', error: '', codes: [0] });
  });

  it('takes two words for the command that they name', async () => {
    expect((await run(['greet', 'again'])).out).toBe('again\n');
    expect((await run(['greet', '--word=x', 'again'])).out).toBe('x again\n');
    expect((await run(['greet', 'again', '--help'])).out).toMatch(/^Usage: pulses greet again \[flags\]/);
  });

  it('ends with the exit code of the command', async () => {
    expect((await run(['greet', 'world'], 'different')).codes).toEqual([1]);
  });

  it('ends with 1 and one line when something fails, which can not steer a terminal', async () => {
    expect(await run(['greet', 'world'], 'broken')).toEqual({
      out: '',
      error: 'pulses: no \\u{1b}[2J such topic\n',
      codes: [1],
    });
  });

  it('ends quietly when nobody reads any more', async () => {
    expect(await run(['greet', 'world'], 'closed')).toEqual({ out: '', error: '', codes: [0] });
  });

  it.each([
    [[], /the command comes first.*greet/],
    [['--word=x'], /the command comes first/],
    [['great'], /'great'.*did you mean greet\?/],
    [['something'], /'something'.*one of greet/],
    [['greet'], /NAME is missing: pulses greet NAME/],
    [['greet', 'a', 'b'], /'b'/],
    [['greet', 'a', '--wort=x'], /--wort.*--word/],
  ])('refuses %j with one line and exit code 2', async (argv, line) => {
    const { out, error, codes } = await run(argv);
    expect(error).toMatch(line);
    expect(error.trimEnd()).not.toContain('\n');
    expect({ out, codes }).toEqual({ out: '', codes: [2] });
  });

  it('explains itself, and each command', async () => {
    const all = await run(['--help']);
    expect(all).toMatchObject({ error: '', codes: [0] });
    expect(all.out).toMatch(/^Usage: pulses <command>[^]*greet {8}Greets\.\n {2}greet again {2}Greets again\./);
    const one = await run(['greet', '--help']);
    expect(one.out).toMatch(/^Usage: pulses greet NAME \[flags\][^]*--word <text>[^]*PULSES_WORD/);
    expect(one.codes).toEqual([0]);
  });

  it('lets a command end cleanly on the first signal, and leaves on the second', async () => {
    expect((await run(['greet', 'world'], 'waiting', ['SIGTERM'])).codes).toEqual([0]);
    expect((await run(['greet', 'world'], 'waiting', ['SIGINT', 'SIGINT'])).codes[0]).toBe(130);
  });
});
