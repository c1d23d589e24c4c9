export type { LogLevel } from './logger';
export {
  commonSettings,
  runService,
  STOP_MS_MAX,
  type Service,
  type ServiceDescription,
  type ServiceHost,
} from './run-service';
export { assertSafeBind, type BindCheck } from './safe-bind';
