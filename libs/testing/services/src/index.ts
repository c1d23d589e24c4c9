export { provideNetcat } from './netcat';
export { startNats, type NatsServer } from './nats';
export { provideProgram, type Program, type ProgramSource } from './program';
export { startRedis, type RedisOptions, type RedisServer } from './redis';
