export { closest } from './closest';
export { renderHelp, renderSettingsTable, type HelpOptions } from './help';
export {
  startHttpServer,
  type HttpServer,
  type HttpServerOptions,
  type JsonRoute,
  type Readiness,
} from './http-server';
export { createLogger, LOG_LEVELS, type Logger, type LogLevel } from './logger';
export { useMemorySettings } from './memory-settings';
export { createMetrics, type CounterHandle, type GaugeHandle, type HistogramHandle, type Metrics } from './metrics';
export { nodeProcess, type ProcessPort } from './process-port';
export { backoffMs, delay, retry, within, type RetryOptions } from './retry';
export {
  commonSettings,
  errorLine,
  exitCodeOf,
  runService,
  STOP_MS_MAX,
  type Service,
  type ServiceDescription,
} from './run-service';
export { assertSafeBind, isLoopback, type BindCheck } from './safe-bind';
export {
  booleanSetting,
  choiceKind,
  choiceSetting,
  customSetting,
  durationKind,
  durationSetting,
  integerKind,
  integerSetting,
  optional,
  portSetting,
  secretSetting,
  sizeKind,
  sizeSetting,
  textKind,
  textSetting,
  variableOf,
  type Setting,
  type SettingKind,
} from './setting';
export {
  asksFor,
  parseSettings,
  type ParsedSettings,
  type SettingsDefinition,
  type SettingsOf,
  type SettingsSources,
} from './settings';
export { version } from './version';
