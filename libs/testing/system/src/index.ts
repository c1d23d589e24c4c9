export { startBrokerProcess, type BrokerProcess } from './broker-process';
export { runCrowd, type Crowd, type CrowdResult } from './neighbours-crowd';
export { runHostility, type HostileKind, type Hostility } from './neighbours-hostile';
export { differencesOf, expectedOf, type KafkaOutputs } from './kafka-oracle';
export { loadOf, pass, publisherOf, readByFetch, readByLines, type LoadReader } from './neighbours-load';
export { exactUnits, numberText, pulseLine, sumsOf, sumsOfLines, type Pulse } from './oracle';
export { startSystem, type System } from './system';
export { NatsLink, type NatsOutput } from './nats-link';
export { startNatsSystem, type NatsSystem } from './nats-system';
