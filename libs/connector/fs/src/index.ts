export { connectBroker, type BrokerAddress, type BrokerClient, type BrokerClientOptions } from './broker-client';
export type { FetchEvent, FetchStream } from './fetch-stream';
export { brokerGroupOf, createFsConnector, type FsConnectorOptions } from './fs-connector';
export { createProducer, type Producer, type ProducerOptions } from './producer';
