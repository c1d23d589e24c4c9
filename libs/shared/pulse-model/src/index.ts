export { addAmountAt, addAmounts, AMOUNT_LIMBS, createAmount, type Amount } from './amount';
export { parseAmount } from './amount-reading';
export { AMOUNT_BYTES_MAX, formatAmount, writeAmount, writeInteger } from './amount-writing';
export { DEAD_LETTER_REASONS, type DeadLetterReason } from './dead-letter-reason';
export { createGroupedReader, type GroupedReader } from './grouped-reader';
export { createKeyFields, KEY_FIELDS_BYTES_MAX, type KeyFields, type KeyFieldsSource } from './key-fields';
export { LABEL_BYTES_MAX, PULSE_BYTES_MAX, PULSE_ID_BYTES_MAX } from './limits';
export {
  createAggregatedIds,
  createGroupedIds,
  type AggregatedIds,
  type GroupedIds,
  type SourceId,
} from './object-ids';
export {
  createAggregatedLines,
  deadLetterLine,
  GROUPED_LINE_OVERHEAD_BYTES,
  writeGroupedLine,
  type AggregatedLines,
  type WindowFacts,
} from './output-lines';
export { parseAggregatedPulse, parseDeadLetter, parseGroupedPulse } from './output-readers';
export { createPulseReader, type PulseReader } from './pulse-reader';
export {
  NumberText,
  parseJsonExactly,
  pulseSchema,
  type AggregatedPulse,
  type DeadLetter,
  type GroupedPulse,
} from './schemas';
export {
  aggregatedTopic,
  deadLetterTopic,
  encodeTenant,
  groupedTopic,
  TOPIC_KINDS,
  topicKindNumber,
  topicKindOf,
  type TopicKind,
} from './topic-names';
