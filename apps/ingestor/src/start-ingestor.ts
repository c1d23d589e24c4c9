// Wires an ingestor: connector, engine, pipeline, HTTP, and the stub generator when asked for.

import { engineParts } from '@pulses/aggregation-registry';
import { openConnector } from '@pulses/connector-registry';
import { PulsesError } from '@pulses/shared-errors';
import { nodeClock, nodeNetwork, nodeRandom } from '@pulses/shared-node-platform';
import { createMetrics, startHttpServer, watchReadiness } from '@pulses/shared-monitoring';
import type { Logger } from '@pulses/shared-ports';
import { version } from '@pulses/shared-process';
import { assertSafeBind, type Service, type ServiceHost } from '@pulses/shared-service-host';
import { LiveWindows, runPipeline } from '@pulses/stream-pipeline';
import { createIngestorMetrics } from './ingestor-metrics';
import { liveRoute } from './live-route';
import type { IngestorSettings } from './settings';
import { startStub } from './stub-process';

/** @throws PulsesError for a setting that can't be met; a broker that is not there yet is waited for */
export async function startIngestor(
  settings: IngestorSettings,
  logger: Logger,
  host: ServiceHost<IngestorSettings>,
): Promise<Service> {
  assertSettings(settings);
  const { connector, peer } = await openConnector(
    settings.connector,
    settings,
    {
      network: nodeNetwork,
      clock: nodeClock,
      clientName: `pulses-ingestor/${version}`,
      member: `pid-${process.pid}`,
      logger,
    },
    host.rereadSettings,
  );
  const { create: createEngine, readiness: engineReadiness } = await engineParts(settings.engine, settings, {
    clock: nodeClock,
    random: nodeRandom,
    logger,
  });
  const metrics = createMetrics(nodeClock);
  metrics.observedCounter(
    'pulses_log_lines_dropped_total',
    'Log lines that could not be written.',
    host.logLinesDropped,
  );
  const {
    observer,
    readiness: ofPipeline,
    partitions,
    stop: stopMetrics,
  } = createIngestorMetrics(metrics, { sourceTopic: settings.sourceTopic, peer, clock: nodeClock });
  const readiness = () => {
    const ofEngine = engineReadiness();
    return ofEngine.ready ? ofPipeline() : ofEngine;
  };
  const live = new LiveWindows();
  const http = await startHttpServer({
    settings,
    metrics,
    readiness,
    routes: [liveRoute({ live, sourceTopic: settings.sourceTopic, clock: nodeClock, partitions })],
  });
  host.onReload(() => {
    http.setAuthToken(host.rereadSettings().authToken);
    return Promise.resolve();
  });

  const watch = watchReadiness(readiness, logger, nodeClock);
  const abort = new AbortController();
  logger.info(
    {
      connector: settings.connector,
      broker: peer,
      sourceTopic: settings.sourceTopic,
      group: settings.group,
      engine: settings.engine,
      windowMs: settings.flushIntervalMs,
      httpPort: http.port,
    },
    'ingestor starting',
  );
  const running = runPipeline(
    {
      connector,
      createEngine,
      sourceTopic: settings.sourceTopic,
      group: settings.group,
      windowMs: settings.flushIntervalMs,
      clock: nodeClock,
      random: nodeRandom,
      logger,
      observer,
      live,
    },
    abort.signal,
  );
  const stub = settings.stub ? startStub(settings, logger) : undefined;
  const end = async () => {
    watch.stop();
    stopMetrics();
    await stub?.stop();
    await connector.close();
    await http.close();
  };
  return {
    finished: running.catch(async (error: unknown) => {
      await end();
      throw error;
    }),
    async stop() {
      abort.abort(new Error('the ingestor stops'));
      await running;
      await end();
    },
  };
}

function assertSettings({ stub, stubClean, httpHost, insecureBind }: IngestorSettings): void {
  if (stubClean && !stub)
    throw new PulsesError(
      'CONFIG_INVALID',
      "--stub-clean: 'true' deletes all topics; allowed: only together with --stub",
    );
  assertSafeBind({ flag: 'http-host', host: httpHost, protected: false, insecureBind, remedy: 'a proxy of your own' });
}
