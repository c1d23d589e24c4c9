export { failpoint } from './failpoint';
export { BROKER_FAILPOINTS, INGESTOR_FAILPOINTS, type Failpoint } from './failpoint-names';
