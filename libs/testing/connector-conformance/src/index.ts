export { describeConnector } from './describe-connector';
export type { ConnectorHarness, OutputStream } from './harness';
