export { describeBrokerLog } from './describe-broker-log';
export type { BrokerLogFactory, BrokerLogHarness, BrokerLogLimits, BrokerLogSupports } from './harness';
