export { createDialer } from './dialer';
export { connectBroker, type BrokerAddress, type BrokerClient, type BrokerClientOptions } from './broker-client';
export { findTopic, type BrokerReader } from './broker-reader';
export { brokerAddressOf, brokerClientSettings, groupKind, topicKind } from './client-settings';
export type { FetchEvent, FetchStream } from './fetch-stream';
export { Producer, type ProducerOptions } from './producer';
export { readBatches, type TopicRange } from './read-batches';
export { brokerGroupOf } from './source-group';
export { withConnections } from './with-connections';
