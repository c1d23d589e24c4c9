import type { Connector, Session } from '@pulses/connector-api';
import { PulsesError } from '@pulses/shared-errors';
import { aggregatedTopic, deadLetterTopic, groupedTopic } from '@pulses/shared-pulse-model';
import { describeConnector, type ConnectorHarness } from '@pulses/testing-connector-conformance';
import { createSimRandom } from '@pulses/testing-sim';
import { SimLog } from './sim-log';
import { SimSource } from './sim-source';

/** A source of one log, or of logs for its partitions, behind the same interface. */
interface Source {
  readonly logs: readonly SimLog[];
  createConnector(): Connector;
  expireLease(connector: Connector): void;
}

const LOST = new PulsesError('CONNECTION_LOST', 'the connection was cut');

/** Sources whose clocks run. */
function startHarness(createSource: (sourceTopic: string, partitions: number) => Source): Promise<ConnectorHarness> {
  const sources = new Map<string, Source>();
  const sourceOf = (sourceTopic: string): Source => {
    const source = sources.get(sourceTopic) ?? createSource(sourceTopic, 1);
    sources.set(sourceTopic, source);
    return source;
  };
  const allLogs = (): SimLog[] => [...sources.values()].flatMap(({ logs }) => logs);
  const logOf = (sourceTopic: string, partition = 0): SimLog => {
    const log = sourceOf(sourceTopic).logs[partition];
    if (log === undefined) throw new TypeError(`there is no partition ${partition}`);
    return log;
  };
  const clock = setInterval(() => {
    for (const log of allLogs()) log.setClock(log.clockMs + 1);
  }, 1);

  const createConnector = (opened: (source: Source, connector: Connector) => void = () => undefined): Connector => {
    const connectors = new Map<string, Connector>();
    return {
      ...createSource('', 1).createConnector(),
      async openSession(request): Promise<Session> {
        const source = sourceOf(request.sourceTopic);
        const connector = connectors.get(request.sourceTopic) ?? source.createConnector();
        connectors.set(request.sourceTopic, connector);
        const session = await connector.openSession(request);
        opened(source, connector);
        return session;
      },
      async close() {
        await Promise.all([...connectors.values()].map((connector) => connector.close()));
      },
    };
  };

  const cutConnections = (): Promise<void> => {
    for (const log of allLogs()) log.breakSession(LOST);
    return Promise.resolve();
  };

  return Promise.resolve({
    createConnector: () => createConnector(),
    createPausedConnector: () =>
      createConnector((source, connector) => {
        source.expireLease(connector);
      }),
    createPartitions(sourceTopic, count) {
      sources.set(sourceTopic, createSource(sourceTopic, count));
      return Promise.resolve();
    },
    publish(sourceTopic, messages, partition) {
      const log = logOf(sourceTopic, partition);
      log.append(log.clockMs, ...messages);
      return Promise.resolve();
    },
    skipOffsets(sourceTopic) {
      logOf(sourceTopic).skipOffsets(2);
      return Promise.resolve(true);
    },
    output(sourceTopic, stream) {
      const topic =
        stream.kind === 'deadLetters'
          ? deadLetterTopic(sourceTopic)
          : (stream.kind === 'grouped' ? groupedTopic : aggregatedTopic)(stream.tenant);
      const texts = sourceOf(sourceTopic).logs.map((log) => log.topics.get(topic) ?? '');
      return Promise.resolve(texts.join('').split('\n').slice(0, -1));
    },
    deleteSource(sourceTopic) {
      for (const log of sourceOf(sourceTopic).logs) log.deleteSource();
      return Promise.resolve();
    },
    cutConnections,
    restart: cutConnections,
    close() {
      clearInterval(clock);
      return Promise.resolve();
    },
  });
}

describeConnector(
  'simulated',
  () =>
    startHarness((sourceTopic) => {
      const log = new SimLog({ sourceTopic, random: createSimRandom(1) });
      return {
        logs: [log],
        createConnector: () => log.createConnector(),
        expireLease: () => {
          log.expireLease();
        },
      };
    }),
  { atomicCommit: true, standby: true, partitions: false },
);

describeConnector(
  'simulated, with partitions and a quiet clock',
  () =>
    startHarness((sourceTopic, count) => {
      const logs = Array.from(
        { length: count },
        (_, partition) => new SimLog({ sourceTopic, random: createSimRandom(partition), partition, isQuiet: true }),
      );
      const source = new SimSource(logs);
      return {
        logs,
        createConnector: () => source.createConnector(),
        expireLease: (connector) => {
          source.expireLease(connector);
        },
      };
    }),
  { atomicCommit: true, standby: true, partitions: true },
);
