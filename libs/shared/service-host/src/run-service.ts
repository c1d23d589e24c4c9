// The life cycle of a service: settings, start, ready, stop.
//
// Guarantees: a bad setting ends with one line and exit code 2, damaged data with 3, any other failure with 1. SIGTERM,
// SIGINT and the end of the launching parent start a clean stop, which exits with 0, or with 1 after `STOP_MS_MAX`. A
// second signal exits at once with 130 (SIGINT) or 143 (SIGTERM). The terminal and Nx both forward the same Ctrl-C, so
// signals within `SAME_SIGNAL_MS` of the first count as one. When they came while the program was loading, their times
// are not known. The same signal then counts as a second one if it may have come later than that. SIGHUP reads tokens
// and certificates again.

import type { Logger } from '@pulses/shared-ports';
import { errorLine, exitCodeOf, nodeProcess, version, type ProcessPort } from '@pulses/shared-process';
import {
  asksFor,
  choiceSetting,
  parseSettings,
  renderHelp,
  type SettingsDefinition,
  type SettingsOf,
} from '@pulses/shared-settings';
import { createLogger, LOG_FORMATS, LOG_LEVELS } from './logger';

export const STOP_MS_MAX = 10_000;
const SAME_SIGNAL_MS = 500;

/** A running service. */
export interface Service {
  /** Resolves when the service ends by itself, rejects when it fails. Without it the service runs until stopped. */
  readonly finished?: Promise<void>;
  /** Stops cleanly and keeps everything acknowledged. Called once. */
  stop(): Promise<void>;
}

export interface ServiceDescription<Definition extends SettingsDefinition> {
  readonly name: string;
  readonly summary: string;
  readonly settings: Definition;
  start(settings: SettingsOf<Definition>, logger: Logger, host: ServiceHost<SettingsOf<Definition>>): Promise<Service>;
}

/** What a service hears of its process. */
export interface ServiceHost<Settings = unknown> {
  /** Log lines that could not be written, for metrics. */
  logLinesDropped(): number;
  /** The settings with what their files hold now. @throws PulsesError CONFIG_INVALID */
  rereadSettings(): Settings;
  /** Called at SIGHUP. A rejection is logged, and what was read before stays in use. */
  onReload(handler: () => Promise<void>): void;
}

/** The settings of every service. */
export const commonSettings = {
  logLevel: choiceSetting({
    flag: 'log-level',
    choices: LOG_LEVELS,
    default: 'info',
    description: 'Least severe log lines to write, on standard error.',
  }),
  logFormat: choiceSetting({
    flag: 'log-format',
    choices: LOG_FORMATS,
    default: 'auto',
    description:
      'Format of log lines: JSON or readable text. auto: readable text on a terminal, JSON elsewhere. ' +
      'Colours need a terminal and an unset NO_COLOR.',
  }),
};

/** Runs a service as this process. Never rejects: it ends in `exit`. */
export async function runService<Definition extends SettingsDefinition>(
  description: ServiceDescription<Definition>,
  host: ProcessPort = nodeProcess(),
): Promise<void> {
  if (asksFor('help', host.argv) || asksFor('version', host.argv)) {
    host.writeOut(asksFor('help', host.argv) ? helpOf(description, host.columns) : `${version}\n`);
    host.exit(0);
    return;
  }
  try {
    host.exit(await lifeOf(description, host));
  } catch (error) {
    host.writeError(`${description.name}: ${errorLine(error)}\n`);
    host.exit(exitCodeOf(error));
  }
}

function helpOf<Definition extends SettingsDefinition>(
  { name, summary, settings }: ServiceDescription<Definition>,
  width: number,
): string {
  return renderHelp({ ...settings, ...commonSettings }, { usage: `${name} [flags]`, summary, width });
}

async function lifeOf<Definition extends SettingsDefinition>(
  description: ServiceDescription<Definition>,
  host: ProcessPort,
): Promise<number> {
  const { values, warnings } = parseSettings({ ...description.settings, ...commonSettings }, host);
  const { logLevel, logFormat } = values as SettingsOf<typeof commonSettings>;
  const logger = createLogger({
    service: description.name,
    version,
    level: logLevel,
    format: logFormat,
    terminal: host.errorTerminal,
    output: host,
  });
  const stopRequested = listenForStop(host, logger);
  for (const warning of warnings) logger.warn({}, warning);
  host.onCrash((error) => {
    logger.fatal({ err: error }, 'unexpected failure');
    host.writeError(`${description.name}: ${errorLine(error)}\n`);
    host.exit(1);
  });

  const reloadHandlers: (() => Promise<void>)[] = [];
  host.onReload(() => void reload(reloadHandlers, logger));
  const serviceHost: ServiceHost<SettingsOf<Definition>> = {
    logLinesDropped: () => host.errorLinesDropped(),
    rereadSettings: () => parseSettings({ ...description.settings, ...commonSettings }, host).values,
    onReload: (handler) => reloadHandlers.push(handler),
  };

  let overdue: NodeJS.Timeout | undefined;
  const limitStop = () => {
    overdue ??= setTimeout(() => {
      logger.error({ stopMsMax: STOP_MS_MAX }, 'stop timed out');
      host.exit(1);
    }, STOP_MS_MAX);
  };
  void stopRequested.then(limitStop);
  try {
    // A stop request during the start takes effect once the service has started.
    const service = await description.start(values, logger, serviceHost);
    const finished = service.finished ?? new Promise<never>(() => undefined);
    const reason = await Promise.race([finished.then(() => 'finished'), stopRequested]);
    logger.info({ reason }, 'stopping');
    limitStop();
    await service.stop();
  } finally {
    clearTimeout(overdue);
  }
  logger.info({}, 'stopped');
  return 0;
}

async function reload(handlers: readonly (() => Promise<void>)[], logger: Logger): Promise<void> {
  try {
    for (const handler of handlers) await handler();
    logger.info({}, 'tokens and certificates reloaded');
  } catch (error) {
    logger.error({ reason: errorLine(error) }, 'reload failed: the former tokens and certificates stay in use');
  }
}

function listenForStop(host: ProcessPort, logger: Logger): Promise<string> {
  return new Promise((resolve) => {
    let first: { readonly signal: string; readonly earliestMs: number; readonly heardMs: number } | undefined;
    host.onSignal((signal, earliestMs) => {
      const heardMs = performance.now();
      if (first === undefined) {
        first = { signal, earliestMs, heardMs };
        resolve(signal);
        return;
      }
      // Nx turns a Ctrl-C into another signal than the terminal.
      const firstMs = signal === first.signal ? first.earliestMs : first.heardMs;
      if (heardMs - firstMs > SAME_SIGNAL_MS) {
        logger.warn({ signal }, 'second signal: exiting at once');
        host.exit(signal === 'SIGINT' ? 130 : 143);
      }
    });
    host.onParentGone(() => {
      resolve('the launching process has gone');
    });
  });
}
