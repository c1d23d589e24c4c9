// One command of the program: its arguments, its settings, and what it does.

import type { ProcessPort } from '@pulses/shared-process';
import { parseSettings, renderHelp, type SettingsDefinition, type SettingsOf } from '@pulses/shared-settings';
import { PulsesError } from '@pulses/shared-errors';
import type { Terminal } from './terminal';

/** Of a command that a signal has stopped before its work was complete. */
export const CUT_SHORT_EXIT_CODE = 130;

export interface CommandContext<Definition extends SettingsDefinition> {
  readonly settings: SettingsOf<Definition>;
  /** One for each name in the command's `args`, then any number for its `rest`. */
  readonly args: readonly string[];
  readonly terminal: Terminal;
  /** From this call on, the first SIGINT or SIGTERM aborts the signal, and a second one ends the process. */
  stopSignal(): AbortSignal;
}

export interface CommandDescription<Definition extends SettingsDefinition> {
  readonly name: string;
  /** Names of the arguments that are not flags; all are required. */
  readonly args?: readonly string[];
  /** Name of the arguments behind them, of which there may be any number. */
  readonly rest?: string;
  /** One line, for the list of commands. */
  readonly purpose: string;
  /** The rest of the help. */
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
  const { name, args: argNames = [], rest, purpose, details, settings: definition } = description;
  const usage = ['pulses', name, ...argNames, ...(rest === undefined ? [] : [`[${rest}…]`]), '[flags]'].join(' ');
  return {
    name,
    usage,
    purpose,
    details,
    settings: definition,
    help: (width) => renderHelp(definition, { usage, summary: `${purpose} ${details}`, width }),
    async run(argv, host, terminal) {
      const { values, positionals, warnings } = parseSettings(definition, {
        argv,
        env: host.env,
        readFile: host.readFile,
        positionals: { names: argNames, isOpenEnded: rest !== undefined },
      });
      const missing = argNames[positionals.length];
      if (missing !== undefined) throw new PulsesError('CONFIG_INVALID', `${missing} is missing: ${usage}`);
      for (const warning of warnings) host.writeError(`pulses: warning: ${warning}\n`);
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
