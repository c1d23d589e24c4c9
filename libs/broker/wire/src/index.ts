export { createFrameAssembler, type Frame, type FrameAssembler } from './frame';
export {
  COMMIT_MESSAGE_BYTES_MAX,
  FRAME_BYTES_MAX,
  GROUP_NAME_BYTES_MAX,
  HEAD_INTERVAL_MS,
  LIST_GROUPS_LIMIT_MAX,
  LIST_POSITIONS_LIMIT_MAX,
  LIST_TOPICS_LIMIT_MAX,
  MESSAGE_BYTES_MAX,
  METADATA_BYTES_MAX,
  POSITIONS_PER_COMMIT_MAX,
  PREAMBLE,
  PRODUCER_IN_FLIGHT_MAX,
  PRODUCER_KEPT_MS,
  PRODUCER_RESULTS_KEPT,
  PROTOCOL_VERSION,
  TOPIC_NAME_BYTES_MAX,
  TOPICS_PER_COMMIT_MAX,
} from './limits';
export { freeMemory } from './memory';
export type { PositionChange, PositionKey, StoredPosition } from './messages/commit';
export { logIdOf, topicIdOf, type Incarnation } from './messages/common-fields';
export type { RecordBatch } from './messages/fetch';
export type { GroupKey, StoredGroup } from './messages/groups';
export {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  type Request,
  type RequestType,
  type Response,
  type ResponseType,
} from './messages/messages';
export type { ProducerStamp } from './messages/produce';
export { SCAN_START, type ScanPlace } from './messages/scan';
export type { TopicInfo } from './messages/topics';
export { createLineReader, type LineBlock, type LineReader } from './line-reader';
export { createOpeningReader, type Opening } from './opening';
export { checkPayload, checkTopicName, payloadOf, recordEnds, skipRecords } from './payload';
export { appendsOf, columnsOf, NEW_TOPIC_ID, type TopicAppend, type TopicColumns } from './topic-columns';
