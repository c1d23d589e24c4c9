export { describeConnector } from './describe-connector';
export type { ConnectorHarness, OutputStream } from './harness';
export { describeTools } from './tools/describe-tools';
export type { ToolsHarness } from './tools/tools-suite';
