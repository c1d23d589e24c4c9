export type {
  Connector,
  ConnectorSupports,
  OpenSessionOptions,
  OutputCommit,
  PartitionShare,
  Position,
  Session,
  SourceEvent,
  SourceHead,
  SourceIdentity,
  SourceRecords,
  SourceStream,
} from './connector';
export type { GroupInfo, GroupPosition, PositionName } from './groups';
export type {
  KeyOf,
  LineProducer,
  LineProducerOptions,
  MarkChange,
  MarkedPublisher,
  MarkedPublisherOptions,
} from './publishing';
export type { ConnectorContext, ConnectorParts, ToolsContext } from './registration';
export {
  firstMessages,
  forEachMessage,
  linesOf,
  type OutputBatch,
  type OutputInfo,
  type Partition,
  type PartitionInfo,
  type ReadRange,
  type StoredBatch,
} from './stored-batches';
export { tenantKeyOf } from './tenant-key';
export { tenantColumns, tenantOutputs, type TenantColumns, type TenantOutput } from './tenant-columns';
export type { ConnectorTools, TopicAdmin, TopicReader } from './tools';
