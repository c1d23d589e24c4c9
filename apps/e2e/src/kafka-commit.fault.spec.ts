// A connection to Kafka that fails at each kind of request of a commit. The commit is stored or not, and either is right.

import { afterEach, describe, expect, it } from '@jest/globals';
import { startKafka, type KafkaServer } from '@pulses/testing-services';
import { stopAll } from '@pulses/testing-processes';
import { startKafkaProxy, type KafkaApi, type KafkaFault, type KafkaProxy } from './testing/kafka-proxy';
import { KafkaSystem } from './testing/kafka-system';

const PULSES = 2_000;
/** What each commit asks for, by the version of the server's transactions. */
const AT_COMMITS: readonly (readonly [1 | 2, readonly KafkaApi[]])[] = [
  [2, ['Produce', 'TxnOffsetCommit', 'EndTxn', 'Fetch']],
  [1, ['AddPartitionsToTxn', 'AddOffsetsToTxn', 'TxnOffsetCommit', 'EndTxn']],
];
/** What a start asks for. */
const AT_STARTS: readonly KafkaApi[] = ['FindCoordinator', 'InitProducerId', 'OffsetFetch'];
const FAULTS: readonly KafkaFault[] = ['delay', 'drop', 'cut', 'refuse'];

describe('a faulty connection to Kafka', () => {
  let kafka: KafkaServer;
  let proxy: KafkaProxy;
  let system: KafkaSystem;

  const start = async (transactionVersion: 1 | 2) => {
    proxy = await startKafkaProxy(() => kafka.proxiedPort);
    kafka = await startKafka({ advertisedPort: proxy.port, transactionVersion });
    system = await KafkaSystem.open(kafka);
  };
  afterEach(async () => {
    await stopAll();
    await system.close();
    await proxy.close();
    await kafka.stop();
  });

  it.each(AT_COMMITS)(
    'of transactions %i loses and doubles nothing at %j',
    async (version, apis) => {
      await start(version);
      const ingestor = await system.startIngestor({ brokers: `127.0.0.1:${proxy.port}` });
      const load = system.startLoad();
      for (const fault of FAULTS) {
        for (const api of apis) {
          const done = proxy.next(api, fault);
          load.send(PULSES);
          await done;
          const before = await ingestor.grouped();
          load.send(PULSES);
          await ingestor.untilGrouped(before);
        }
      }
      await load.finish();
      expect(await system.check()).toEqual([]);
    },
    900_000,
  );

  it(`loses and doubles nothing at ${AT_STARTS.join(', ')}`, async () => {
    await start(2);
    const load = system.startLoad();
    for (const fault of FAULTS) {
      for (const api of AT_STARTS) {
        const done = proxy.next(api, fault);
        load.send(PULSES);
        const ingestor = await system.startIngestor({ brokers: `127.0.0.1:${proxy.port}` });
        await done;
        await ingestor.untilGrouped(0);
        await ingestor.kill();
      }
    }
    await load.finish();
    await system.startIngestor({ brokers: `127.0.0.1:${proxy.port}` });
    expect(await system.check()).toEqual([]);
  }, 900_000);
});
