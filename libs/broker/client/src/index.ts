export { createDialer } from './dialer';
export { connectBroker, type BrokerAddress, type BrokerClient, type BrokerClientOptions } from './broker-client';
export type { BrokerReader } from './broker-reader';
export { brokerAddressOf, brokerClientSettings, groupKind, topicKind } from './client-settings';
export type { FetchEvent, FetchStream } from './fetch-stream';
export { Producer, type ProducerOptions } from './producer';
export { readBatches, type TopicRange } from './read-batches';
export { readTopics, type TopicBatch } from './read-topics';
export { brokerGroupOf } from './source-group';
