export { IO_THREADS } from './io-threads';
export { openBrokerLog } from './open-broker-log';
export {
  BROKER_LOG_DEFAULTS,
  type BrokerLogOptions,
  type FsyncPolicy,
  type LogMetrics,
  type OpenBrokerLogOptions,
} from './options';
export type { RetentionPolicy } from './retention';
export { inspectDataDirectory, type InspectOptions, type Inspection, type InspectionSummary } from './fsck';
export type { Finding, LostMessages } from './fsck-report';
export type { SurveyProgress } from './fsck-survey-types';
export { repairDataDirectory, type RepairOptions } from './repair';
export type { LostRange, Repair } from './repair-types';
