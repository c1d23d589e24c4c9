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
} from './connector';
export type { ConnectorContext, ConnectorParts } from './registration';
export { tenantColumns, tenantOutputs, type TenantColumns, type TenantOutput } from './tenant-columns';
