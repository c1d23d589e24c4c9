// The calls of a broker's client that only read.

import type { BrokerClient } from './broker-client';

export type BrokerReader = Pick<BrokerClient, 'fetch' | 'scan' | 'listTopics' | 'readPositions'>;
