// The broker's producer behind the tools' interface.

import { Producer } from '@pulses/broker-client';
import type { LineProducer, LineProducerOptions } from '@pulses/connector-api';
import type { FsToolsOptions } from './fs-platform';

export async function openFsProducer(options: FsToolsOptions & LineProducerOptions): Promise<LineProducer> {
  const { connect, clock, random, topic, isPatient, onRetry } = options;
  const unused = isPatient ? [] : [await connect()];
  const producer = new Producer({
    connect: async () => unused.pop() ?? connect(),
    topic,
    clock,
    random,
    ...(onRetry === undefined ? {} : { onRetry }),
  });
  const closeUnused = () => {
    for (const client of unused.splice(0)) client.close();
  };
  return {
    send: (payload, recordCount) => producer.send(payload, recordCount),
    ready: () => producer.ready(),
    get isUnderWay() {
      return producer.isUnderWay;
    },
    async close() {
      await producer.close();
      closeUnused();
    },
    abort() {
      producer.abort();
      closeUnused();
    },
  };
}
