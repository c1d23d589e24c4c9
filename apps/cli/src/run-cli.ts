// From the command line to a command, and from its end to an exit code.
//
// Guarantees: exits with 0 for success, and with 1 for an operating failure or a difference. A bad command, argument or
// setting is 2, damaged data 3. Each failure is one line on standard error. When the reader of standard output goes
// away, the program ends quietly with 0.

import { PulsesError } from '@pulses/shared-errors';
import { errorLine, exitCodeOf, version, type ProcessPort } from '@pulses/shared-process';
import { asksFor, closest } from '@pulses/shared-settings';
import type { Command } from './command';
import { OutputClosed, type Terminal } from './terminal';
import { visibleText } from './visible-text';

/** Runs the program as this process. Never rejects: it ends in `exit`. */
export async function runCli(commands: readonly Command[], host: ProcessPort, terminal: Terminal): Promise<void> {
  const fail = (error: unknown) => {
    if (!(error instanceof OutputClosed)) host.writeError(`pulses: ${visibleText(errorLine(error))}\n`);
    host.exit(error instanceof OutputClosed ? 0 : exitCodeOf(error));
  };
  host.onCrash(fail);
  try {
    const code = await runCommand(commands, host, terminal);
    await terminal.flush();
    host.exit(code);
  } catch (error) {
    fail(error);
  }
}

async function runCommand(commands: readonly Command[], host: ProcessPort, terminal: Terminal): Promise<number> {
  const [name] = host.argv;
  const command = commandOf(commands, host.argv);
  const argv = host.argv.slice(wordsOf(command?.name ?? '').length);
  if (asksFor('help', host.argv)) {
    await terminal.write(command === undefined ? overview(commands) : command.help(host.columns));
    return 0;
  }
  if (asksFor('version', host.argv)) {
    await terminal.write(`${version}\n`);
    return 0;
  }
  if (command === undefined) throw notACommand(commands, name);
  return command.run(argv, host, terminal);
}

/** The command that the arguments start with; the one with more words wins. */
function commandOf(commands: readonly Command[], argv: readonly string[]): Command | undefined {
  const isNamed = (words: readonly string[]) => words.every((word, index) => argv[index] === word);
  const named = commands.filter((command) => isNamed(wordsOf(command.name)));
  return named.sort((one, other) => wordsOf(other.name).length - wordsOf(one.name).length)[0];
}

function wordsOf(name: string): string[] {
  return name.split(' ');
}

function notACommand(commands: readonly Command[], name: string | undefined): PulsesError {
  const names = commands.map((command) => command.name);
  if (name === undefined || name.startsWith('-'))
    return new PulsesError('CONFIG_INVALID', `the command comes first: one of ${names.join(', ')} (see --help)`);
  const near = closest(name, names);
  const hint = near === undefined ? `one of ${names.join(', ')} is allowed` : `did you mean ${near}?`;
  return new PulsesError('CONFIG_INVALID', `'${name}': unknown command; ${hint} (see --help)`);
}

function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    'Usage: pulses <command> [flags]',
    '',
    'Inspects a broker of Pulses, publishes to it, and proves that its outputs are right.',
    'Tables for people on a terminal; NDJSON when piped or with --json.',
    '',
    'Commands:',
    ...commands.map(({ name, purpose }) => `  ${name.padEnd(width)}  ${purpose}`),
    '',
    'pulses <command> --help lists the flags of a command; pulses --version prints the version.',
    '',
  ].join('\n');
}
