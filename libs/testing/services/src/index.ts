export { provideNetcat } from './netcat';
export { startJavaProgram } from './java-program';
export { type KafkaOptions, type KafkaServer } from './kafka';
export { type KafkaNode } from './kafka-node';
export { kafkaAdmin, type KafkaAdmin, type TopicOptions } from './kafka-admin';
export { kafkaRights, type KafkaRights } from './kafka-rights';
export { freshUser, type KafkaCertificates, type KafkaListener, type KafkaUser } from './kafka-security';
export { startKafka } from './kafka-shared';
export {
  eachRecord,
  followTopic,
  readTopic,
  untilReadable,
  writeLines,
  writeStream,
  type KafkaRecord,
  type KcatOptions,
} from './kcat';
export { startNats, type NatsOptions, type NatsServer } from './nats';
export { provideProgram, type Program, type ProgramSource } from './program';
export { startRedis, type RedisOptions, type RedisServer } from './redis';
