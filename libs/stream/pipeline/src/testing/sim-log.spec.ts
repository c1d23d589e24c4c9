import { aggregatedTopic, deadLetterTopic, groupedTopic } from '@pulses/shared-pulse-model';
import { describeConnector, type ConnectorHarness } from '@pulses/testing-connector-conformance';
import { createSimRandom } from '@pulses/testing-sim';
import type { Connector, Session } from '@pulses/connector-api';
import { SimLog } from './sim-log';

/** A log of its own for each source; their clocks run. */
function startHarness(): Promise<ConnectorHarness> {
  const logs = new Map<string, SimLog>();
  const logOf = (sourceTopic: string): SimLog => {
    let log = logs.get(sourceTopic);
    if (log === undefined) {
      log = new SimLog({ sourceTopic, random: createSimRandom(logs.size + 1) });
      logs.set(sourceTopic, log);
    }
    return log;
  };
  const clock = setInterval(() => {
    for (const log of logs.values()) log.setClock(log.clockMs + 1);
  }, 1);

  const createConnector = (opened: (log: SimLog) => void = () => undefined): Connector => {
    const connectors = new Map<string, Connector>();
    return {
      ...new SimLog({ sourceTopic: '', random: createSimRandom(0) }).connector,
      async openSession(request): Promise<Session> {
        const log = logOf(request.sourceTopic);
        const connector = connectors.get(request.sourceTopic) ?? log.createConnector();
        connectors.set(request.sourceTopic, connector);
        const session = await connector.openSession(request);
        opened(log);
        return session;
      },
      async close() {
        await Promise.all([...connectors.values()].map((connector) => connector.close()));
      },
    };
  };

  return Promise.resolve({
    createConnector: () => createConnector(),
    createPausedConnector: () =>
      createConnector((log) => {
        log.expireLease();
      }),
    publish(sourceTopic, messages) {
      const log = logOf(sourceTopic);
      log.append(log.clockMs, ...messages);
      return Promise.resolve();
    },
    output(sourceTopic, stream) {
      const topic =
        stream.kind === 'deadLetters'
          ? deadLetterTopic(sourceTopic)
          : (stream.kind === 'grouped' ? groupedTopic : aggregatedTopic)(stream.tenant);
      return Promise.resolve((logOf(sourceTopic).topics.get(topic) ?? '').split('\n').slice(0, -1));
    },
    deleteSource(sourceTopic) {
      logOf(sourceTopic).deleteSource();
      return Promise.resolve();
    },
    close() {
      clearInterval(clock);
      return Promise.resolve();
    },
  });
}

describeConnector('simulated', startHarness, { atomicCommit: true, standby: true, partitions: false });
