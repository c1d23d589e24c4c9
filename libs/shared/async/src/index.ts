export { backoffMs, delay, retry, within, type RetryOptions } from './retry';
