export { createLogger, LOG_LEVELS, type LogLevel } from './logger';
export { commonSettings, runService, STOP_MS_MAX, type Service, type ServiceDescription } from './run-service';
export { assertSafeBind, isLoopback, type BindCheck } from './safe-bind';
