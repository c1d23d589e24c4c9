// The stub generator as a process beside the ingestor.
//
// Guarantees: it ends with `stop`, and by itself when the ingestor dies, since its channel closes.

import { connectorSettings } from '@pulses/connector-registry';
import { PulsesError } from '@pulses/shared-errors';
import { nodeClock } from '@pulses/shared-node-platform';
import { variablesOf } from '@pulses/shared-settings';
import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '@pulses/shared-ports';
import { ingestorSettings, type IngestorSettings } from './settings';

/** Its bundle, relative to the ingestor's. */
const BUNDLE = join(__dirname, '../stub-generator/main.js');
const STOP_MS_MAX = 7_000;
/** Given as variables, since other users of the machine can read a process's flags. */
const SAME_SETTINGS = { ...connectorSettings, connector: ingestorSettings.connector };

/** @throws PulsesError CONFIG_INVALID when the generator's bundle is missing */
export function startStub(settings: IngestorSettings, logger: Logger): { stop(): Promise<void> } {
  if (!existsSync(BUNDLE))
    throw new PulsesError(
      'CONFIG_INVALID',
      `--stub: 'true' needs the stub generator's bundle, ${BUNDLE}; allowed: false without it`,
    );
  const child = fork(BUNDLE, flagsOf(settings), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, ...variablesOf(SAME_SETTINGS, process.argv.slice(2)) },
  });
  let isStopping = false;
  const exited = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      if (!isStopping) logger[code === 0 ? 'info' : 'error']({ code, signal }, 'stub generator ended');
      resolve();
    });
  });
  return {
    async stop() {
      isStopping = true;
      child.kill('SIGTERM');
      const overdue = nodeClock.setTimer(STOP_MS_MAX, () => child.kill('SIGKILL'));
      await exited;
      overdue.cancel();
    },
  };
}

function flagsOf(settings: IngestorSettings): string[] {
  const { sourceTopic, stubTenants, stubSkus, stubClean } = settings;
  return [`--source-topic=${sourceTopic}`, `--tenants=${stubTenants}`, `--skus=${stubSkus}`, `--clean=${stubClean}`];
}
