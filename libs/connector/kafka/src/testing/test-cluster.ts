// The connector's own cluster client on a Kafka for tests.

import type { Connection } from '@platformatic/kafka';
import { nodeClock, nodeRandom } from '@pulses/shared-node-platform';
import { BrokerCluster } from '../protocol/broker-cluster';
import { createDial } from '../security/dial';
import { SecuritySource } from '../security/security-source';
import type { KafkaSecurity } from '../security/security';

/**
 * @param brokers `host:port,…`
 * @param onConnection gets every connection that is opened
 */
export function connectTestCluster(
  brokers: string,
  security: KafkaSecurity = {},
  onConnection: (connection: Connection) => void = () => undefined,
): BrokerCluster {
  const dial = createDial({
    security: new SecuritySource(security, () => Promise.resolve(security)),
    clock: nodeClock,
    clientId: 'test',
    connectTimeoutMs: 5_000,
    requestTimeoutMs: 30_000,
  });
  return new BrokerCluster({
    bootstrap: brokers.split(',').map((address) => {
      const [host = '', port = ''] = address.split(':');
      return { host, port: Number(port) };
    }),
    asker: { brokers, user: security.sasl?.username },
    clock: nodeClock,
    random: nodeRandom,
    async dial(address) {
      const connection = await dial(address);
      onConnection(connection);
      return connection;
    },
  });
}
