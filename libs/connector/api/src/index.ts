export type {
  Connector,
  ConnectorSupports,
  OpenSessionOptions,
  OutputCommit,
  Position,
  Session,
  SourceEvent,
  SourceHead,
  SourceIdentity,
  SourceRecords,
  SourceStream,
  TenantOutput,
} from './connector';
export type { ConnectorContext, ConnectorParts } from './registration';
