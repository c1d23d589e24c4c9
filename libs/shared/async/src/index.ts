export { Condition } from './condition';
export { delay, withTimeout } from './delay';
export { startMaintenance, type Maintenance, type MaintenanceTimes } from './maintenance';
export { mapConcurrent } from './map-concurrent';
export { RetryNews, retryLog } from './retry-log';
export { backoffMs, retry, type RetryOptions } from './retry';
