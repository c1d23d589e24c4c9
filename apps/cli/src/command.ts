// One command of the program: its arguments, its settings, and what it does.

import type { ProcessPort } from '@pulses/shared-process';
import { parseSettings, renderHelp, type SettingsDefinition, type SettingsOf } from '@pulses/shared-settings';
import { PulsesError } from '@pulses/shared-errors';
import type { Terminal } from './terminal';

export interface CommandContext<Definition extends SettingsDefinition> {
  readonly settings: SettingsOf<Definition>;
  /** As many as the command names. */
  readonly args: readonly string[];
  readonly terminal: Terminal;
  /** From this call on SIGINT and SIGTERM abort the signal instead of ending the process; a second one ends it. */
  stopSignal(): AbortSignal;
}

export interface CommandDescription<Definition extends SettingsDefinition> {
  readonly name: string;
  /** Names of the arguments that are not flags, all of them needed. */
  readonly args?: readonly string[];
  /** In a line, for the list of commands. */
  readonly purpose: string;
  /** The rest of what `--help` says. */
  readonly details: string;
  readonly settings: Definition;
  /** Answers the exit code. */
  run(context: CommandContext<Definition>): Promise<number>;
}

/** A command as the program and its reference see it. */
export interface Command {
  readonly name: string;
  /** As a user types it: `pulses cat TOPIC [flags]`. */
  readonly usage: string;
  readonly purpose: string;
  readonly details: string;
  readonly settings: SettingsDefinition;
  help(width: number): string;
  /** @throws PulsesError CONFIG_INVALID when an argument or setting is not valid, and what the command throws */
  run(argv: readonly string[], host: ProcessPort, terminal: Terminal): Promise<number>;
}

export function defineCommand<Definition extends SettingsDefinition>(
  description: CommandDescription<Definition>,
): Command {
  const { name, args: argNames = [], purpose, details, settings: definition } = description;
  const usage = ['pulses', name, ...argNames, '[flags]'].join(' ');
  return {
    name,
    usage,
    purpose,
    details,
    settings: definition,
    help: (width) => renderHelp(definition, { usage, summary: `${purpose} ${details}`, width }),
    async run(argv, host, terminal) {
      const { values, positionals } = parseSettings(definition, {
        argv,
        env: host.env,
        readFile: host.readFile,
        positionals: { names: argNames },
      });
      const missing = argNames[positionals.length];
      if (missing !== undefined) throw new PulsesError('CONFIG_INVALID', `${missing} is missing: ${usage}`);
      return description.run({
        settings: values,
        args: positionals,
        terminal,
        stopSignal: () => stopSignalOf(host),
      });
    },
  };
}

function stopSignalOf(host: ProcessPort): AbortSignal {
  const stop = new AbortController();
  host.onSignal((signal) => {
    if (stop.signal.aborted) host.exit(signal === 'SIGINT' ? 130 : 143);
    else stop.abort(new PulsesError('SHUTTING_DOWN', `stopped by ${signal}`));
  });
  return stop.signal;
}
