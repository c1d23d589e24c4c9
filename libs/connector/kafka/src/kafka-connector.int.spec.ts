import { describeConnector } from '@pulses/testing-connector-conformance';
import { startKafkaHarness } from './testing/kafka-harness';

describeConnector('kafka', () => startKafkaHarness('auto'), { atomicCommit: true, standby: true, partitions: true });
