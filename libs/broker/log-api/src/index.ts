export { EXPIRED_GROUPS_MAX, EXPIRED_PRODUCERS_MAX } from './broker-log';
export type {
  AppendResult,
  BrokerLog,
  CommitRequest,
  CommitResult,
  ExpiredGroup,
  GroupRequest,
  PositionDeletion,
  ScannedRows,
} from './broker-log';
export { checkAppend, checkCommit, checkName, checkProducer, checkStamp } from './request-checks';
export { RowGathering } from './row-gathering';
