// Several connections for the length of one call.

import { connectBroker, type BrokerClient, type BrokerClientOptions } from './broker-client';

/**
 * Opens `count` connections, runs `use` and closes them. The broker reads for one connection at a time: a large
 * number of small topics arrives sooner over several.
 * @throws PulsesError as connectBroker does, and what `use` throws
 */
export async function withConnections<Result>(
  options: BrokerClientOptions,
  count: number,
  use: (clients: readonly BrokerClient[]) => Promise<Result>,
): Promise<Result> {
  const clients: BrokerClient[] = [];
  try {
    while (clients.length < count) clients.push(await connectBroker(options));
    return await use(clients);
  } finally {
    for (const client of clients) client.close();
  }
}
