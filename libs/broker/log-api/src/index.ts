export type { AppendResult, BrokerLog, CommitRequest } from './broker-log';
export { checkAppend, checkCommit, checkName, checkProducer, checkStamp } from './request-checks';
