export { connectBroker, type BrokerAddress, type BrokerClient, type BrokerClientOptions } from './broker-client';
export { brokerAddressOf, brokerClientSettings, groupKind, topicKind } from './client-settings';
export type { FetchEvent, FetchStream } from './fetch-stream';
export { brokerGroupOf, createFsConnector, type FsConnectorOptions } from './fs-connector';
export { createProducer, type Producer, type ProducerOptions } from './producer';
