export { Condition } from './condition';
export { delay, withTimeout } from './delay';
export { mapConcurrent } from './map-concurrent';
export { backoffMs, retry, type RetryOptions } from './retry';
