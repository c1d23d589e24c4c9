export type { AppendResult, BrokerLog, CommitRequest } from './broker-log';
export { openBrokerLog } from './open-broker-log';
export {
  BROKER_LOG_DEFAULTS,
  type BrokerLogOptions,
  type FsyncPolicy,
  type LogLogger,
  type LogMetrics,
  type OpenBrokerLogOptions,
} from './options';
export type { RetentionPolicy } from './retention';
