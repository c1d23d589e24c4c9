// Wires a stub generator: a message system, a load, a producer, and the totals at the end.

import { tenantKeyOf, type ConnectorTools } from '@pulses/connector-api';
import { openTools } from '@pulses/connector-registry';
import { nodeClock, nodeNetwork, nodeRandom } from '@pulses/shared-node-platform';
import type { Logger } from '@pulses/shared-ports';
import { formatAmount } from '@pulses/shared-pulse-model';
import { retry, retryLog } from '@pulses/shared-async';
import { version } from '@pulses/shared-process';
import type { Service, ServiceHost } from '@pulses/shared-service-host';
import type { SettingsOf } from '@pulses/shared-settings';
import { createLoadModel } from './load-model';
import { startProgress } from './publish-progress';
import { createTotals, publishLoad, secondsOf, type Totals } from './publish-load';
import type { generatorSettings } from './settings';
import { stopLoad } from './stop-load';

export type GeneratorSettings = SettingsOf<typeof generatorSettings>;

const RETRYING = 'broker unreachable; retrying';
const RETRY = { delayMsMin: 100, delayMsMax: 5_000 };

/** @throws PulsesError CONFIG_INVALID */
export async function startGenerator(
  settings: GeneratorSettings,
  logger: Logger,
  host: ServiceHost<GeneratorSettings>,
): Promise<Service> {
  const clientName = `pulses-stub-generator/${version}`;
  const platform = { network: nodeNetwork, clock: nodeClock, random: nodeRandom };
  const tools = await openTools(settings.connector, settings, { ...platform, clientName, member: clientName }, () =>
    host.rereadSettings(),
  );
  const abort = new AbortController();
  const totals = createTotals();
  const progress = startProgress(totals, settings.count, nodeClock);
  const producer = await tools.openProducer({
    topic: settings.sourceTopic,
    keyOf: tenantKeyOf(),
    isPatient: true,
    onRetry: retryLog(logger, nodeClock, RETRYING),
  });

  const run = async () => {
    if (settings.clean) await deleteTopics(tools, settings.sourceTopic, logger, abort.signal);
    logger.info(
      { topic: settings.sourceTopic, rate: settings.rate === Infinity ? 'max' : settings.rate, seed: settings.seed },
      'publishing',
    );
    await publishLoad({
      producer,
      model: createLoadModel(settings),
      totals,
      rate: settings.rate,
      count: settings.count ?? Infinity,
      clock: nodeClock,
      signal: abort.signal,
    });
  };

  const running = run();
  return {
    finished: running.then(
      () => undefined,
      async (error: unknown) => {
        if (abort.signal.aborted) return;
        progress.stop();
        await printTotals(totals);
        throw error;
      },
    ),
    async stop() {
      abort.abort();
      await stopLoad(producer, running, nodeClock);
      progress.stop();
      await printTotals(totals);
    },
  };
}

async function deleteTopics(
  tools: ConnectorTools,
  sourceTopic: string,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const remove = async () => {
    const topics = await tools.connect();
    try {
      await topics.deleteTopics(sourceTopic);
    } finally {
      topics.close();
    }
  };
  const onRetry = retryLog(logger, nodeClock, RETRYING);
  await retry(remove, { ...RETRY, clock: nodeClock, random: nodeRandom, signal, onRetry });
  logger.info({}, 'all topics deleted');
}

/** Resolves once the line has left. @throws what kept it */
async function printTotals(totals: Totals): Promise<void> {
  const { sent, acknowledged, amount } = totals;
  const line = {
    pulses_sent: sent,
    pulses_acked: acknowledged,
    amount_acked: formatAmount(amount),
    seconds: Number(secondsOf(totals).toFixed(3)),
  };
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  process.stdout.once('error', reject);
  process.stdout.write(`${JSON.stringify(line)}\n`, (error) => {
    if (error) reject(error);
    else resolve();
  });
  await promise.catch((error: unknown) => {
    throw new Error(`the totals could not be written to standard output: ${String(error)}`, { cause: error });
  });
}
