export type { AppendResult, BrokerLog, CommitRequest } from './broker-log';
